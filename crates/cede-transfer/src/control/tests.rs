//! Wishes, and who hears of them.

use super::Control;
use crate::engine::Stop;
use crate::exit::Exit;

#[test]
fn a_cancelled_transfer_is_neither_paused_nor_resumed() {
    let control = Control::new();
    control.pause();
    control.cancel();
    control.pause();
    control.resume();
    assert!(control.is_cancelled() && !control.is_paused());
}

#[test]
fn a_stop_hears_of_its_own_handle_only() {
    let (one, other) = (Control::new(), Control::new());
    let all = Stop::never();
    let (one_stops, other_stops) = (all.clone().steered_by(&one), all.steered_by(&other));
    one.cancel();
    assert_eq!((one_stops.now(), other_stops.now()), (Some(Exit::Interrupted), None));
    cede::block_on(async {
        let mut stops = one_stops;
        assert_eq!(stops.requested().await, Exit::Interrupted);
    });
}

#[test]
fn waits_for_wishes_end() {
    cede::block_on(async {
        let control = Control::new();
        control.resumed().await;
        control.pause();
        control.paused().await;
        let waiting = cede::spawn({
            let control = control.clone();
            async move { control.resumed().await }
        });
        control.resume();
        waiting.await.unwrap();
    });
}
