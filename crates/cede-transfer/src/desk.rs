//! Small files on their way to the disk, several for each trip to another thread.
//!
//! Handing a job to the blocking pool and hearing of its end costs more than a small file's few system calls. So the files queue at a desk: a *clerk* (a job on
//! the blocking pool) files what is there, a batch at a time, and is gone when nothing is. While one clerk works, the network goes on; where the disk is slow,
//! the queue grows, and more clerks come.
//!
//! Where the disk answers from memory, a file takes fifteen microseconds, less than any hand-over. Then whoever brings a file files it himself: see
//! [`pace`](crate::pace).
//!
//! - K1: while an order is queued, there is a clerk that has not yet seen the queue empty: a clerk leaves under the same lock under which it saw that.
//! - K2: a clerk that never runs, because its runtime ends, takes its place with it; the last one drops the orders, so that nobody waits for them.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use cede::sync::oneshot;

use crate::destination::{Claims, Whole, create_whole};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::pace::{Paces, device_of};
use crate::sink::lock;

/// What a clerk takes at a time. Whoever waits for the first waits for the last.
const BATCH: usize = 8;
/// Clerks at a time.
const CLERKS: usize = 8;

/// The desk; clones are the same desk.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desk(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    orders: VecDeque<Order>,
    clerks: usize,
    paces: Paces,
}

/// A small file.
#[derive(Debug)]
struct Order {
    dir: PathBuf,
    name: String,
    /// Whether it is known that there is no `.part`.
    is_bare: bool,
    bytes: Vec<u8>,
    claims: Claims,
    told: oneshot::Sender<Result<Whole, Failure>>,
}

/// A clerk's place at the desk.
struct Clerk {
    desk: Desk,
    left: bool,
}

impl Desk {
    /// Whether a question about a name in this directory is answered at once, so that the task that has it may ask by itself.
    pub(crate) fn is_quick(&self, dir: &Path) -> bool {
        lock(&self.0).paces.is_quick(dir)
    }

    /// Creates a file whole, or gives the bytes back.
    ///
    /// # Cancel safety
    /// If the future is dropped, the file may still be created.
    pub(crate) async fn file(&self, dir: PathBuf, name: String, is_bare: bool, claims: Claims, bytes: Vec<u8>) -> Result<Whole, Failure> {
        let device = lock(&self.0).paces.quick_device(&dir);
        if let Some(device) = device {
            let start = Instant::now();
            let result = create_whole(&dir, &name, is_bare, &claims, bytes);
            lock(&self.0).paces.learn_of(device, start.elapsed());
            return result;
        }
        let (told, answer) = oneshot::channel();
        let is_clerk_needed = {
            let mut state = lock(&self.0);
            state.orders.push_back(Order { dir, name, is_bare, bytes, claims, told });
            let needed = state.clerks < CLERKS && state.orders.len() > state.clerks * BATCH;
            state.clerks += usize::from(needed);
            needed
        };
        if is_clerk_needed {
            let clerk = Clerk { desk: self.clone(), left: false };
            cede::task::spawn_blocking(move || clerk.work());
        }
        answer.await.unwrap_or_else(|_| Err(Failure::new(Exit::Failed, "the program ended before the file was written")))
    }
}

impl Clerk {
    fn work(mut self) {
        let mut done = Vec::with_capacity(BATCH);
        while let Some(orders) = self.take() {
            let mut times = Vec::with_capacity(orders.len());
            for order in orders {
                let start = Instant::now();
                done.push((order.told, create_whole(&order.dir, &order.name, order.is_bare, &order.claims, order.bytes)));
                times.push((order.dir, start.elapsed()));
            }
            self.learn(times);
            // Those who waited are woken together, after the work.
            for (told, result) in done.drain(..) {
                // Nobody may be waiting any more.
                drop(told.send(result));
            }
        }
    }

    /// Notes what files took, with the system being asked for the devices that are not known.
    fn learn(&self, times: Vec<(PathBuf, Duration)>) {
        for (dir, took) in times {
            let known = lock(&self.desk.0).paces.device(&dir);
            if let Some(device) = known.or_else(|| device_of(&dir)) {
                lock(&self.desk.0).paces.learn(&dir, device, took);
            }
        }
    }

    /// The next batch; `None`, and the clerk has left (K1), if there is nothing to do.
    fn take(&mut self) -> Option<Vec<Order>> {
        let mut state = lock(&self.desk.0);
        let count = state.orders.len().min(BATCH);
        if count == 0 {
            state.clerks -= 1;
            self.left = true;
            return None;
        }
        Some(state.orders.drain(..count).collect())
    }
}

impl Drop for Clerk {
    fn drop(&mut self) {
        if self.left {
            return;
        }
        let mut state = lock(&self.desk.0);
        state.clerks -= 1;
        // K2; dropped after the lock is given back.
        let orphans = if state.clerks == 0 { std::mem::take(&mut state.orders) } else { VecDeque::new() };
        drop(state);
        drop(orphans);
    }
}

#[cfg(test)]
mod tests;
