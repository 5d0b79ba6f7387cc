//! Many orders, and a runtime that ends under them.

use std::fs;
use std::sync::mpsc;
use std::task::{Context, Waker};

use super::{Claims, Desk, Whole};
use crate::pace::tests::earn;
use crate::scratch::Scratch;

#[test]
fn each_order_is_filled_or_given_back() {
    let scratch = Scratch::new("many");
    let (desk, claims) = (Desk::default(), Claims::default());
    cede::block_on(async {
        let orders: Vec<_> = (0..100_u8)
            .map(|n| {
                let (desk, dir, claims) = (desk.clone(), scratch.0.clone(), claims.clone());
                // Each name twice: at most one of the two is created.
                cede::spawn(async move { (n, desk.file(dir, format!("{}", n % 50), false, claims, vec![n; 10]).await.unwrap()) })
            })
            .collect();
        for order in orders {
            match order.await.unwrap() {
                (n, Whole::At(path)) => assert_eq!(fs::read(path).unwrap(), [n; 10]),
                (n, Whole::Back(bytes)) => assert_eq!(bytes, [n; 10]),
            }
        }
    });
}

#[test]
fn without_a_clerk_a_file_is_created_all_the_same_and_the_way_back_is_open() {
    let scratch = Scratch::new("alone");
    let (desk, claims) = (Desk::default(), Claims::default());
    earn(&mut super::lock(&desk.0).paces, &scratch.0);
    let file = |name: &str| cede::block_on(desk.file(scratch.0.clone(), name.to_owned(), false, claims.clone(), b"x".to_vec())).unwrap();
    fs::write(scratch.0.join("theirs"), "theirs").unwrap();
    assert!(matches!(file("theirs"), Whole::Back(bytes) if bytes == b"x"));
    match file("mine") {
        Whole::At(path) => assert_eq!(fs::read(path).unwrap(), b"x"),
        Whole::Back(bytes) => assert_eq!(bytes, b"x"),
    }
}

#[test]
fn nobody_waits_for_a_clerk_that_never_comes() {
    let scratch = Scratch::new("end");
    let desk = Desk::default();
    let runtime = cede::runtime::Builder::new_multi_thread().max_blocking_threads(1).build().unwrap();
    let (open, gate) = mpsc::channel::<()>();
    let (reached, at_gate) = mpsc::channel::<()>();
    let entered = runtime.enter();
    let busy = cede::task::spawn_blocking(move || {
        reached.send(()).unwrap();
        assert!(gate.recv().is_err());
    });
    at_gate.recv().unwrap();
    let mut order = Box::pin(desk.file(scratch.0.clone(), "f".to_owned(), false, Claims::default(), b"x".to_vec()));
    assert!(order.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop((entered, busy));
    runtime.shutdown_background();
    drop(open);
    // Whether the clerk came or not, there is an answer; and the desk is open for the next runtime.
    drop(cede::block_on(order));
    let next = desk.file(scratch.0.clone(), "g".to_owned(), false, Claims::default(), b"y".to_vec());
    assert!(cede::block_on(next).is_ok());
}
