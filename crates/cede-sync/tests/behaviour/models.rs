//! Random sequences of calls on a primitive and on a plain model of it, step by step.

use std::collections::VecDeque;

use cede_sync::{Notify, Semaphore, mpsc};
use proptest::prelude::*;

use crate::polling::{Polled, polled};

/// A waiting future of the real primitive beside what the model knows of it.
struct Waiter<'a, T> {
    real: Polled<'a, T>,
    id: usize,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn semaphore(initial in 0_usize..4, steps in proptest::collection::vec((0_u8..6, 0_usize..8), 1..60)) {
        let semaphore = Semaphore::new(initial);
        // The model: free permits; waiters in order, with what they want and have.
        let mut free = initial;
        let mut queue: VecDeque<(usize, usize, usize)> = VecDeque::new();
        let mut granted: Vec<(usize, usize)> = Vec::new();
        let mut waiters: Vec<Waiter<'_, _>> = Vec::new();
        let mut next = 0;
        let give = |free: &mut usize, queue: &mut VecDeque<(usize, usize, usize)>, granted: &mut Vec<(usize, usize)>, mut permits: usize| {
            while let Some((id, wanted, have)) = queue.front_mut() {
                let part = permits.min(*wanted - *have);
                *have += part;
                permits -= part;
                if have < wanted {
                    return;
                }
                granted.push((*id, *wanted));
                queue.pop_front();
            }
            *free += permits;
        };
        for (step, pick) in steps {
            match step {
                0 | 1 => {
                    let wanted = pick % 4;
                    let mut real = polled(semaphore.acquire_many(wanted as u32));
                    let ready = real.poll();
                    prop_assert_eq!(ready.is_ready(), wanted == 0 || queue.is_empty() && free >= wanted);
                    if let std::task::Poll::Ready(permit) = ready {
                        permit.unwrap().forget();
                        free -= wanted;
                    } else {
                        queue.push_back((next, wanted, std::mem::take(&mut free)));
                        waiters.push(Waiter { real, id: next });
                    }
                    next += 1;
                }
                2 => {
                    semaphore.add_permits(pick % 4);
                    give(&mut free, &mut queue, &mut granted, pick % 4);
                }
                3 if !waiters.is_empty() => {
                    let waiter = waiters.remove(pick % waiters.len());
                    drop(waiter.real);
                    let mut back = 0;
                    if let Some(place) = queue.iter().position(|(id, ..)| *id == waiter.id) {
                        back = queue.remove(place).unwrap().2;
                    } else if let Some(place) = granted.iter().position(|(id, _)| *id == waiter.id) {
                        back = granted.remove(place).1;
                    }
                    give(&mut free, &mut queue, &mut granted, back);
                }
                4 if !waiters.is_empty() => {
                    let place = pick % waiters.len();
                    let expected = granted.iter().position(|(id, _)| *id == waiters[place].id);
                    prop_assert_eq!(waiters[place].real.wakes() > 0, expected.is_some());
                    let polled = waiters[place].real.poll();
                    prop_assert_eq!(polled.is_ready(), expected.is_some());
                    if let std::task::Poll::Ready(permit) = polled {
                        permit.unwrap().forget();
                        granted.remove(expected.unwrap());
                        waiters.remove(place);
                    }
                }
                _ => {
                    let wanted = pick % 3;
                    let real = semaphore.try_acquire_many(wanted as u32);
                    prop_assert_eq!(real.is_ok(), wanted == 0 || queue.is_empty() && free >= wanted);
                    if let Ok(permit) = real {
                        permit.forget();
                        free -= wanted;
                    }
                }
            }
            prop_assert_eq!(semaphore.available_permits(), free);
        }
    }

    #[test]
    fn notify(steps in proptest::collection::vec((0_u8..6, 0_usize..8), 1..60)) {
        let notify = Notify::new();
        let mut stored = false;
        // Ids of those that wait, of those that one notification was given to (and whether it was the last's), of those notified with all.
        let mut queue: VecDeque<usize> = VecDeque::new();
        let mut given: Vec<(usize, bool)> = Vec::new();
        let mut passed: Vec<usize> = Vec::new();
        let mut waiters: Vec<Waiter<'_, ()>> = Vec::new();
        let mut next = 0;
        let one = |stored: &mut bool, queue: &mut VecDeque<usize>, given: &mut Vec<(usize, bool)>, last: bool| {
            match if last { queue.pop_back() } else { queue.pop_front() } {
                Some(id) => given.push((id, last)),
                None => *stored = true,
            }
        };
        for (step, pick) in steps {
            match step {
                0 | 1 => {
                    let mut real = polled(notify.notified());
                    prop_assert_eq!(real.poll().is_ready(), std::mem::take(&mut stored));
                    if real.poll().is_pending() {
                        queue.push_back(next);
                        waiters.push(Waiter { real, id: next });
                    }
                    next += 1;
                }
                2 => {
                    if pick % 2 == 0 { notify.notify_one() } else { notify.notify_last() }
                    one(&mut stored, &mut queue, &mut given, pick % 2 == 1);
                }
                3 if pick < 3 => {
                    notify.notify_waiters();
                    passed.extend(queue.drain(..));
                }
                4 if !waiters.is_empty() => {
                    let waiter = waiters.remove(pick % waiters.len());
                    drop(waiter.real);
                    queue.retain(|id| *id != waiter.id);
                    passed.retain(|id| *id != waiter.id);
                    if let Some(place) = given.iter().position(|(id, _)| *id == waiter.id) {
                        let (_, last) = given.remove(place);
                        one(&mut stored, &mut queue, &mut given, last);
                    }
                }
                _ if !waiters.is_empty() => {
                    let place = pick % waiters.len();
                    let id = waiters[place].id;
                    let expected = !queue.contains(&id);
                    prop_assert_eq!(waiters[place].real.wakes() > 0, expected);
                    prop_assert_eq!(waiters[place].real.poll().is_ready(), expected);
                    if expected {
                        given.retain(|(given, _)| *given != id);
                        passed.retain(|passed| *passed != id);
                        waiters.remove(place);
                    }
                }
                _ => {}
            }
        }
    }

    #[test]
    fn unbounded_channel(steps in proptest::collection::vec((0_u8..10, 0_usize..40), 1..80)) {
        let (tx, mut rx) = mpsc::unbounded_channel();
        let mut tx = Some(tx);
        let mut queue: VecDeque<usize> = VecDeque::new();
        // Each value has a token, so that the end shows whether one was lost or kept.
        let token = std::sync::Arc::new(());
        let (mut closed, mut next) = (false, 0);
        for (step, pick) in steps {
            let idle = closed || tx.is_none();
            match step {
                0 | 1 => if let Some(tx) = &tx {
                    prop_assert_eq!(tx.send((next, token.clone())).is_ok(), !closed);
                    if !closed { queue.push_back(next) }
                    next += 1;
                },
                // Several chunks.
                2 if pick > 35 => if let Some(tx) = &tx && !closed {
                    for _ in 0..200 {
                        tx.send((next, token.clone())).unwrap();
                        queue.push_back(next);
                        next += 1;
                    }
                },
                3 | 4 => match (rx.try_recv(), queue.pop_front()) {
                    (Ok((real, _)), Some(model)) => prop_assert_eq!(real, model),
                    (Err(error), None) => prop_assert_eq!(error == mpsc::error::TryRecvError::Disconnected, idle),
                    other => prop_assert!(false, "{:?}", other),
                },
                5 | 6 => {
                    // One that waits is woken by the next value, and gets it.
                    let mut real = polled(rx.recv());
                    let mut result = real.poll();
                    if let (true, Some(tx)) = (result.is_pending(), &tx) {
                        prop_assert!(queue.is_empty() && !closed);
                        for _ in 0..=pick % 3 {
                            tx.send((next, token.clone())).unwrap();
                            queue.push_back(next);
                            next += 1;
                        }
                        prop_assert_eq!(real.wakes(), 1);
                        result = real.poll();
                    }
                    let std::task::Poll::Ready(value) = result else { panic!("nothing came") };
                    prop_assert_eq!(value.map(|(real, _)| real), queue.pop_front());
                }
                7 => {
                    let mut buffer = Vec::new();
                    let mut real = polled(rx.recv_many(&mut buffer, pick));
                    let result = real.poll();
                    drop(real);
                    prop_assert_eq!(result.is_ready(), pick == 0 || idle || !queue.is_empty());
                    prop_assert_eq!(buffer.len(), pick.min(queue.len()));
                    for (value, _) in buffer {
                        prop_assert_eq!(Some(value), queue.pop_front());
                    }
                }
                8 if pick == 0 => {
                    rx.close();
                    closed = true;
                }
                9 if pick == 0 => tx = None,
                _ => {}
            }
            prop_assert_eq!((rx.len(), rx.is_empty()), (queue.len(), queue.is_empty()));
            prop_assert_eq!(rx.is_closed(), closed || tx.is_none());
            prop_assert_eq!(std::sync::Arc::strong_count(&token), 1 + queue.len());
        }
        drop(rx);
        prop_assert_eq!(std::sync::Arc::strong_count(&token), 1);
        prop_assert!(tx.is_none_or(|tx| tx.send((next, token)).is_err()));
    }

    #[test]
    fn bounded_channel(bound in 1_usize..5, steps in proptest::collection::vec((0_u8..7, 0_usize..8), 1..60)) {
        let (tx, mut rx) = mpsc::channel(bound);
        let mut queue: VecDeque<usize> = VecDeque::new();
        // Senders that wait, in order; those that have a place and were not polled; permits.
        let mut waiting: VecDeque<usize> = VecDeque::new();
        let mut placed: Vec<usize> = Vec::new();
        let mut sends: Vec<Waiter<'_, _>> = Vec::new();
        let mut permits = Vec::new();
        let mut closed = false;
        let mut next = 0;
        for (step, pick) in steps {
            let free = bound - queue.len() - placed.len() - permits.len();
            match step {
                0 | 1 => {
                    let mut real = polled(tx.send(next));
                    let result = real.poll();
                    prop_assert_eq!(result.is_ready(), closed || free > 0);
                    match result {
                        std::task::Poll::Ready(sent) => {
                            prop_assert_eq!(sent.is_ok(), !closed);
                            if !closed { queue.push_back(next) }
                        }
                        std::task::Poll::Pending => {
                            waiting.push_back(next);
                            sends.push(Waiter { real, id: next });
                        }
                    }
                    next += 1;
                }
                2 | 3 => match (rx.try_recv(), queue.pop_front()) {
                    (Ok(real), Some(model)) => prop_assert_eq!(real, model),
                    (Err(error), None) => {
                        let idle = closed && placed.is_empty() && permits.is_empty();
                        prop_assert_eq!(error == mpsc::error::TryRecvError::Disconnected, idle);
                    }
                    other => prop_assert!(false, "{:?}", other),
                },
                4 if !sends.is_empty() => {
                    let place = pick % sends.len();
                    let id = sends[place].id;
                    if pick % 2 == 0 {
                        let expected = closed || placed.contains(&id);
                        let result = sends[place].real.poll();
                        prop_assert_eq!(result.is_ready(), expected);
                        if let std::task::Poll::Ready(sent) = result {
                            prop_assert_eq!(sent.is_ok(), !closed);
                            if !closed { queue.push_back(id) }
                        }
                        if !expected { continue }
                    }
                    drop(sends.remove(place));
                    waiting.retain(|waiting| *waiting != id);
                    placed.retain(|placed| *placed != id);
                }
                5 => match (tx.try_reserve(), closed || free == 0) {
                    (Ok(permit), false) => permits.push(permit),
                    (Err(_), true) => {
                        if let Some(permit) = permits.pop() && pick % 2 == 0 {
                            permit.send(next);
                            queue.push_back(next);
                            next += 1;
                        }
                    }
                    (real, model) => prop_assert!(false, "{:?} {}", real, model),
                },
                6 if pick == 0 => {
                    rx.close();
                    closed = true;
                    waiting.clear();
                }
                _ => {}
            }
            // Free places go to those who wait.
            while queue.len() + placed.len() + permits.len() < bound {
                let Some(id) = waiting.pop_front() else { break };
                placed.push(id);
            }
            prop_assert_eq!(tx.capacity(), bound - queue.len() - placed.len() - permits.len());
            prop_assert_eq!((rx.len(), tx.is_closed()), (queue.len(), closed));
            for send in &sends {
                prop_assert_eq!(send.real.wakes() > 0, closed || placed.contains(&send.id));
            }
        }
    }
}
