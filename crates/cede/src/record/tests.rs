//! Who turns it on, and off again.

use std::time::Duration;

use super::{FlightRecorder, of_process};
use crate::runtime::Builder;

#[test]
fn what_was_turned_on_from_outside_is_turned_off_again() {
    let (off, on) = (FlightRecorder::off().events(64), FlightRecorder::new().events(64));
    let [off, on] = [off, on].map(|recorder| Builder::new_current_thread().flight_recorder(recorder).build().unwrap());
    assert_eq!((off.handle().trace().is_some(), on.handle().trace().is_some()), (false, true));
    assert!(of_process(Duration::ZERO).contains("\"other threads\""));
    assert_eq!((off.handle().trace().is_some(), on.handle().trace().is_some()), (false, true));
}

#[test]
fn a_thread_notices_within_its_next_look_or_sleep() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let recorder = runtime.handle().parts().recorder.clone();
    runtime.block_on(async {
        let begun = recorder.clone();
        // More polls than there are between two looks.
        cede_yields(|| begun.begin()).await;
        recorder.end();
        cede_yields(|| ()).await;
    });
    assert!(!recorder.is_on());
}

/// Yields so often that the scheduler looks around, in a task, after `begin`.
async fn cede_yields(begin: impl FnOnce()) {
    begin();
    let handle = crate::runtime::Handle::current();
    let recorded = crate::spawn(async move {
        for _ in 0..200 {
            crate::task::yield_now().await;
        }
        handle.trace().map(|trace| trace.tracks().len())
    });
    let tracks = recorded.await.unwrap();
    // The second is this thread's.
    assert!(matches!(tracks, None | Some(2)), "{tracks:?}");
    assert_eq!(tracks.is_some(), crate::runtime::Handle::current().trace().is_some());
}
