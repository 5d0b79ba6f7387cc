//! Uploads that are steered while they run: paused, resumed, cancelled, limited.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cede_transfer::Exit;
use cede_transfer::control::Control;
use cede_transfer::engine::{Engine, Settings, Silent, Stop, Watch};
use cede_transfer::slow::Wait;
use cede_transfer::upload::{How, Stored};

use crate::case::{Case, content};
use crate::parts;

const SIZE: usize = 3_000_000;

/// Pauses the upload when so many bytes are on their way.
struct Pausing {
    control: Control,
    from: u64,
    most: AtomicU64,
}

impl Watch for Pausing {
    fn named(&self, _: &str, _: Option<u64>) {}
    fn have(&self, bytes: u64) {
        if self.most.fetch_max(bytes, Ordering::Relaxed) < self.from && bytes >= self.from {
            self.control.pause();
        }
    }
    fn verifying(&self) {}
    fn note(&self, _: &str) {}
}

/// Does this when the upload has its name, and is about to ask for its turn.
struct WhenNamed(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Watch for WhenNamed {
    fn named(&self, _: &str, _: Option<u64>) {
        let then = self.0.lock().unwrap().take();
        // When it has asked.
        cede::spawn(async move { then.into_iter().for_each(|then| then()) });
    }
    fn have(&self, _: u64) {}
    fn verifying(&self) {}
    fn note(&self, _: &str) {}
}

/// Steers the upload of a case from now on, which is paused once it has begun.
fn steered(case: &mut Case, from: u64) -> Control {
    let control = Control::new();
    case.stop = Stop::never().steered_by(&control);
    case.watch = Arc::new(Pausing { control: control.clone(), from, most: AtomicU64::new(0) });
    control
}

/// Looks again and again; the test's own time limit is the only one.
fn until(is_so: impl Fn() -> bool) {
    while !is_so() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Returns when the account of a paused upload stands still: all its connections rest.
fn rests(control: &Control) {
    until(|| control.is_paused());
    until(|| {
        let before = control.spent();
        std::thread::sleep(Duration::from_millis(5));
        control.spent() == before
    });
}

/// Runs the upload, and does this meanwhile.
fn meanwhile(case: &Case, then: impl FnOnce()) -> Result<Stored, (Exit, String)> {
    std::thread::scope(|scope| {
        let running = scope.spawn(|| case.run());
        then();
        running.join().unwrap()
    })
}

#[test]
fn a_pause_lets_a_resumable_upload_go_and_it_goes_on_where_the_server_is() {
    for check in [false, true] {
        let mut case = Case::new(How::Tus { probe: false }, SIZE, "");
        case.order.check = check;
        let control = steered(&mut case, 1);
        control.set_limit(Some(100_000));
        let stored = meanwhile(&case, || {
            rests(&control);
            // It is the pause that ends the request, for the server would read on; and nothing else is asked before the end of the pause.
            until(|| case.asked("PATCH").len() == 1);
            assert!(case.asked("HEAD").is_empty());
            control.set_limit(None);
            control.resume();
        });
        assert_eq!(stored.unwrap().bytes, SIZE as u64);
        assert!(case.stored() == content(SIZE, 1) && case.journals() == 0);
        assert_eq!([case.asked("POST").len(), case.asked("PATCH").len(), case.asked("HEAD").len()], [1, 2, 1]);
    }
}

#[test]
fn a_paused_put_keeps_its_connection() {
    let mut case = Case::new(How::Put, SIZE, "");
    let control = steered(&mut case, 1);
    control.set_limit(Some(100_000));
    let stored = meanwhile(&case, || {
        rests(&control);
        assert!(!case.is_stored() && case.asked("PUT").is_empty());
        control.set_limit(None);
        control.resume();
    });
    stored.unwrap();
    assert!(case.stored() == content(SIZE, 1) && case.asked("PUT").len() == 1);
}

#[test]
fn a_pause_of_parts_is_one_of_all_of_them() {
    let (mut case, stand) = parts::case(parts::SIZE, vec![]);
    let control = steered(&mut case, 1);
    control.set_limit(Some(50_000));
    let stored = meanwhile(&case, || {
        rests(&control);
        let asked = stand.asked("part");
        control.set_limit(None);
        // Whatever the limit is, nothing moves.
        rests(&control);
        assert!(stand.asked("part") == asked && stand.object().is_none());
        control.resume();
    });
    stored.unwrap();
    assert!(parts::is_right(&stand, parts::SIZE, 1) && case.journals() == 0);
    assert_eq!(stand.stored().len(), stand.asked("part"));
}

#[test]
fn what_is_paused_before_it_begins_sends_nothing() {
    for how in [How::Put, How::Tus { probe: false }] {
        let mut case = Case::new(how, SIZE, "");
        let control = steered(&mut case, u64::MAX);
        control.pause();
        let (exit, told) = meanwhile(&case, || control.cancel()).unwrap_err();
        assert!(exit == Exit::Interrupted && told.contains("nothing was kept"), "{told}");
        assert!(case.asked("PUT").is_empty() && case.asked("POST").is_empty());
    }
}

#[test]
fn what_is_paused_while_it_waits_for_its_turn_leaves_it_to_others() {
    let case = Case::new(How::Put, SIZE, "");
    let engine = Engine::new(Settings { per_host: 1, ..Settings::default() });
    let upload = |name: &str, control: &Control, watch: Arc<dyn Watch>| {
        let mut order = case.order.clone();
        order.url = order.url.join(name).unwrap();
        let (engine, stop) = (engine.clone(), Stop::never().steered_by(control));
        cede::spawn(async move { engine.upload(order, watch, stop).await.map_err(|_| "not stored") })
    };
    let is_stored = |name: &str| case.path().join("site").join(name).exists();
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // It has the turn, and keeps it.
        let first = Control::new();
        first.set_limit(Some(100_000));
        let pausing = Pausing { control: first.clone(), from: 1, most: AtomicU64::new(0) };
        let one = upload("first", &first, Arc::new(pausing));
        while !first.is_paused() {
            cede::task::yield_now().await;
        }
        let second = Control::new();
        let then = {
            let (first, second) = (first.clone(), second.clone());
            move || {
                second.pause();
                first.set_limit(None);
                first.resume();
            }
        };
        let two = upload("second", &second, Arc::new(WhenNamed(Mutex::new(Some(Box::new(then))))));
        one.await.unwrap().unwrap();
        upload("third", &Control::new(), Arc::new(Silent)).await.unwrap().unwrap();
        assert!(is_stored("first") && is_stored("third") && !is_stored("second") && second.is_paused());
        second.resume();
        two.await.unwrap().unwrap();
        assert!(is_stored("second"));
    });
}

#[test]
fn a_cancelled_upload_goes_on_with_the_next_run() {
    let mut case = Case::new(How::Tus { probe: false }, SIZE, "");
    let control = steered(&mut case, 1);
    control.set_limit(Some(100_000));
    let (exit, told) = meanwhile(&case, || {
        rests(&control);
        control.cancel();
    })
    .unwrap_err();
    assert!(exit == Exit::Interrupted && told.contains("the same command goes on"), "{told}");
    case.stop = Stop::never();
    case.run().unwrap();
    assert!(case.stored() == content(SIZE, 1) && case.asked("POST").len() == 1);
}

#[test]
fn its_own_limit_is_kept_and_told() {
    let (case_of_parts, _stand) = parts::case(parts::SIZE, vec![]);
    let tus = Case::new(How::Tus { probe: false }, parts::SIZE, "");
    let mut checked = Case::new(How::Tus { probe: false }, parts::SIZE, "");
    checked.order.check = true;
    for mut case in [case_of_parts, tus, checked, Case::new(How::Put, parts::SIZE, "")] {
        let control = steered(&mut case, u64::MAX);
        control.set_limit(Some(2 * parts::SIZE as u64));
        let began = Instant::now();
        case.run().unwrap();
        // Half a second, and a twentieth of one is forgiven.
        assert!(began.elapsed() >= Duration::from_millis(440), "{:?}: {:?}", case.order.how, began.elapsed());
        let spent = control.spent();
        assert!(
            spent.waited(Wait::OwnRate) > Duration::ZERO && spent.waited(Wait::Rate) == Duration::ZERO,
            "{:?}: {spent:?}",
            case.order.how
        );
        assert_eq!(spent.bytes(), parts::SIZE as u64);
    }
}
