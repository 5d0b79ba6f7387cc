//! What a runtime must survive: futures, outputs and wakers that panic or come back to it, at every point of a task's life; and chains of a million.

mod chains;
mod homes;
mod leaves;
mod lives;
mod meetings;
mod outside;
mod script;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use cede::runtime::{Builder, Runtime};

use script::lock;

pub(crate) fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

pub(crate) fn two_workers() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn wakes_from_other_threads_while_the_runtime_ends() {
    const ROUNDS: usize = if cfg!(debug_assertions) { 500 } else { 2000 };
    let wakers = Arc::new(Mutex::new(Vec::<Waker>::new()));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let woken: Vec<_> = lock(&wakers).clone();
                    woken.into_iter().for_each(Waker::wake);
                }
            });
        }
        for round in 0..ROUNDS {
            let runtime = if round % 2 == 0 { one_thread() } else { two_workers() };
            for _ in 0..4 {
                let wakers = wakers.clone();
                runtime.spawn(std::future::poll_fn(move |cx| {
                    let mut wakers = lock(&wakers);
                    if wakers.len() > 16 {
                        wakers.clear();
                    }
                    wakers.push(cx.waker().clone());
                    Poll::<()>::Pending
                }));
            }
            runtime.block_on(cede::task::yield_now());
            drop(runtime);
        }
        over.store(true, Ordering::Relaxed);
    });
}

#[test]
fn spawn_and_join_from_a_block_on_that_runs_tasks_interrupt_few_workers() {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().block_on_runs_tasks(true).build().unwrap();
    let load = async || {
        for i in 0..1000 {
            assert_eq!(cede::spawn(async move { i }).await.unwrap(), i);
        }
    };
    runtime.block_on(load());
    let before = runtime.handle().metrics().interrupts();
    runtime.block_on(load());
    let interrupts = runtime.handle().metrics().interrupts() - before;
    assert!(interrupts <= 50, "{interrupts} interrupts for 1000 tasks");
}

#[test]
fn two_tasks_that_talk_in_one_worker_interrupt_nobody() {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let metrics = runtime.handle().metrics();
    let talk = runtime.spawn(async move {
        let (ping, mut pings) = cede::sync::mpsc::channel::<u32>(1);
        let (pong, mut pongs) = cede::sync::mpsc::channel::<u32>(1);
        let other = cede::spawn(async move {
            while let Some(number) = pings.recv().await {
                if pong.send(number).await.is_err() {
                    return;
                }
            }
        });
        let mut before = 0;
        for round in 0..11_000 {
            if round == 1000 {
                before = metrics.interrupts();
            }
            ping.send(round).await.unwrap();
            assert_eq!(pongs.recv().await, Some(round));
        }
        let interrupts = metrics.interrupts() - before;
        drop(ping);
        other.await.unwrap();
        interrupts
    });
    let interrupts = runtime.block_on(talk).unwrap();
    assert!(interrupts <= 5, "{interrupts} interrupts in 10000 rounds");
}

#[test]
fn tasks_of_a_block_on_that_has_ended_are_run_by_the_workers() {
    let runtime = two_workers();
    for _ in 0..20 {
        let (runs, ran) = std::sync::mpsc::channel();
        runtime.block_on(async {
            for _ in 0..1000 {
                let runs = runs.clone();
                cede::spawn(async move { runs.send(()).unwrap() });
            }
        });
        drop(runs);
        assert_eq!(ran.iter().count(), 1000);
    }
}
