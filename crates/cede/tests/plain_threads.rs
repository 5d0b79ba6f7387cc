//! Channels with one end in a task and the other in a thread that knows no runtime.

use std::thread;

use cede::sync::{broadcast, mpsc, oneshot};

const VALUES: u32 = 10_000;

#[cede::test]
async fn a_thread_sends_to_a_task_and_waits_while_the_channel_is_full() {
    let (tx, mut rx) = mpsc::channel(1);
    let thread = thread::spawn(move || (0..VALUES).for_each(|value| tx.blocking_send(value).unwrap()));
    for value in 0..VALUES {
        assert!(rx.len() <= 1);
        assert_eq!(rx.recv().await, Some(value));
    }
    assert_eq!(rx.recv().await, None, "the thread has ended");
    thread.join().unwrap();
}

#[cede::test]
async fn a_task_sends_to_a_thread_and_waits_while_the_channel_is_full() {
    let (tx, mut rx) = mpsc::channel(1);
    let thread = thread::spawn(move || std::iter::from_fn(|| rx.blocking_recv()).collect::<Vec<_>>());
    for value in 0..VALUES {
        tx.send(value).await.unwrap();
    }
    drop(tx);
    assert!(thread.join().unwrap().into_iter().eq(0..VALUES));
}

#[cede::test]
async fn a_question_from_either_side_is_answered_by_the_other() {
    let (ask_thread, asked_thread) = oneshot::channel::<oneshot::Sender<&str>>();
    let (ask_task, asked_task) = oneshot::channel::<oneshot::Sender<&str>>();
    let thread = thread::spawn(move || {
        asked_thread.blocking_recv().unwrap().send("from the thread").unwrap();
        let (answer, answered) = oneshot::channel();
        ask_task.send(answer).unwrap();
        answered.blocking_recv()
    });
    let (answer, answered) = oneshot::channel();
    ask_thread.send(answer).unwrap();
    assert_eq!(answered.await, Ok("from the thread"));
    asked_task.await.unwrap().send("from the task").unwrap();
    assert_eq!(thread.join().unwrap(), Ok("from the task"));
}

#[cede::test]
async fn when_the_task_is_gone_the_thread_learns_it_while_it_waits() {
    let (tx, rx) = mpsc::channel(1);
    let (events, mut heard) = broadcast::channel::<()>(1);
    let task = cede::spawn(async move {
        let _both = (rx, events);
        std::future::pending::<()>().await;
    });
    tx.send(0).await.unwrap();
    let sends = thread::spawn(move || tx.blocking_send(1).is_err());
    let hears = thread::spawn(move || heard.blocking_recv().is_err());
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(sends.join().unwrap() && hears.join().unwrap());
}

#[cede::test]
#[should_panic(expected = "Cannot block the current thread from within a runtime")]
async fn a_task_that_calls_the_methods_of_threads_is_told_so() {
    let (tx, _rx) = mpsc::channel(1);
    let _ = tx.blocking_send(());
}
