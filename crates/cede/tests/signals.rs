//! Signals. Each test has signals of its own, because they go to the whole process.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::Duration;

use cede::runtime::Builder;
use cede::signal::unix::{Signal, SignalKind, signal};
use cede::time::timeout;

fn send(kind: SignalKind) {
    let number = rustix::process::Signal::from_named_raw(kind.as_raw_value()).unwrap();
    rustix::process::kill_process(rustix::process::getpid(), number).unwrap();
}

fn is_pending(signal: &mut Signal) -> bool {
    pin!(signal.recv()).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

async fn soon(signal: &mut Signal) {
    timeout(Duration::from_secs(60), signal.recv()).await.expect("no signal came").unwrap();
}

#[test]
fn all_listeners_of_all_runtimes_hear_it() {
    let kind = SignalKind::user_defined1();
    let one = Builder::new_current_thread().enable_all().build().unwrap();
    let many = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (mut a, mut b) = one.block_on(async { (signal(kind).unwrap(), signal(kind).unwrap()) });
    let mut c = many.block_on(async { signal(kind).unwrap() });
    let waiting = many.spawn(async move {
        soon(&mut c).await;
        c
    });
    send(kind);
    one.block_on(async {
        soon(&mut a).await;
        soon(&mut b).await;
        assert!(is_pending(&mut a));
    });
    let mut c = many.block_on(waiting).unwrap();
    // A listener belongs to no runtime.
    drop(many);
    send(kind);
    one.block_on(soon(&mut c));
    drop((a, b));
    send(kind);
    one.block_on(soon(&mut c));
}

#[test]
fn signals_that_nobody_fetched_are_one() {
    let kind = SignalKind::user_defined2();
    cede::block_on(async {
        let mut listener = signal(kind).unwrap();
        let mut witness = signal(kind).unwrap();
        for _ in 0..3 {
            send(kind);
            soon(&mut witness).await;
        }
        soon(&mut listener).await;
        assert!(is_pending(&mut listener));
        let mut late = signal(kind).unwrap();
        assert!(is_pending(&mut late), "it listens from now on");
    });
}

#[test]
fn ctrl_c_does_not_end_the_process() {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let mut first = pin!(cede::signal::ctrl_c());
        assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        send(SignalKind::interrupt());
        timeout(Duration::from_secs(60), first).await.expect("no signal came").unwrap();
    });
}

#[test]
fn a_signal_between_two_listeners_is_not_lost() {
    let kind = SignalKind::io();
    cede::block_on(async {
        drop(signal(kind).unwrap());
        send(kind);
        let (mut next, mut later) = (signal(kind).unwrap(), signal(kind).unwrap());
        soon(&mut next).await;
        assert!(is_pending(&mut next), "once");
        drop(next);
        // It was there already if the first signal was only handled after that.
        let _heard_the_first = !is_pending(&mut later);
        send(kind);
        soon(&mut later).await;
        drop(later);
        assert!(is_pending(&mut signal(kind).unwrap()), "somebody heard that one");
    });
}

#[test]
fn giving_up_loses_no_signal() {
    let kind = SignalKind::window_change();
    cede::block_on(async {
        let (mut listener, mut witness) = (signal(kind).unwrap(), signal(kind).unwrap());
        for _ in 0..10 {
            assert!(is_pending(&mut listener));
            send(kind);
            soon(&mut witness).await;
            soon(&mut listener).await;
        }
    });
}

#[test]
fn a_signal_of_a_forked_child_is_not_ours() {
    let kind = SignalKind::alarm();
    cede::block_on(async {
        let mut listener = signal(kind).unwrap();
        let mut child = cede::process::Command::new("true");
        let send_to_itself = move || {
            send(kind);
            Ok(())
        };
        // SAFETY: it only makes system calls.
        unsafe { child.pre_exec(send_to_itself) };
        assert!(child.status().await.unwrap().success());
        assert!(is_pending(&mut listener), "the child's signal came here");
        send(kind);
        soon(&mut listener).await;
    });
}

#[test]
fn what_cannot_be_handled_is_refused() {
    cede::block_on(async {
        for number in [-1, 0, 65, libc::SIGKILL, libc::SIGSEGV] {
            let error = signal(SignalKind::from_raw(number)).unwrap_err();
            assert_eq!(error.to_string(), format!("Refusing to register signal {number}"));
        }
    });
    assert_eq!(i32::from(SignalKind::from(libc::SIGTERM)), SignalKind::terminate().as_raw_value());
}

#[test]
#[should_panic(expected = "there is no reactor running")]
fn outside_of_a_runtime_is_said_so() {
    drop(signal(SignalKind::hangup()));
}
