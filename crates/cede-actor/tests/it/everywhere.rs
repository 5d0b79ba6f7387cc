//! Where tests run, and the actor that most of them use.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede::runtime::Builder;
use cede::sim::Sim;
use cede::sync::Semaphore;
use cede_actor::{Actor, BoxError, Context, Mailbox, Overflow, Reply, Signal};

/// With virtual time: on one thread, and simulated with one and with three workers.
pub(crate) fn virtually<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(body());
    for seed in 0..200 {
        Sim::new(seed).run(body()).unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
        Sim::new(seed).workers(3).run(body()).unwrap_or_else(|failure| panic!("seed {seed}, three workers: {failure}"));
    }
}

/// As [`virtually`], and on threads. For bodies that do not wait for time.
pub(crate) fn everywhere<F>(body: impl Fn() -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = Builder::new_multi_thread().enable_all().worker_threads(2).build().unwrap();
    for _ in 0..20 {
        let inside = runtime.spawn(body());
        runtime.block_on(inside).unwrap();
    }
    virtually(body);
}

/// What happened, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn write(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Does as it is told, and writes that down.
pub(crate) struct Worker {
    pub(crate) name: &'static str,
    pub(crate) log: Log,
    /// Each message takes a permit, if there is one.
    pub(crate) gate: Option<Arc<Semaphore>>,
    /// How many messages have come to the gate. Their room in the mailbox is free then.
    pub(crate) arrived: Arc<AtomicUsize>,
}

pub(crate) enum Order {
    Note(u32),
    Take(Duration),
    Fail,
    Panic,
    Echo(u32, Reply<u32>),
    /// Fails after having taken the question.
    Refuse(Reply<u32>),
    Hang,
}

impl Worker {
    pub(crate) fn new(name: &'static str, log: &Log) -> Self {
        Self { name, log: log.clone(), gate: None, arrived: Arc::default() }
    }

    pub(crate) fn gated(log: &Log, gate: &Arc<Semaphore>) -> Self {
        Self { gate: Some(gate.clone()), ..Self::new("gated", log) }
    }
}

impl Actor for Worker {
    type Message = Order;

    async fn started(&mut self, _: &mut Context<Self>) -> Result<(), BoxError> {
        self.log.write(format!("{} up", self.name));
        Ok(())
    }

    async fn handle(&mut self, order: Order, _: &mut Context<Self>) -> Result<(), BoxError> {
        if let Some(gate) = &self.gate {
            self.arrived.fetch_add(1, Ordering::SeqCst);
            gate.acquire().await?.forget();
        }
        match order {
            Order::Note(n) => self.log.write(format!("{} {n}", self.name)),
            Order::Take(time) => cede::time::sleep(time).await,
            Order::Fail => return Err("told to fail".into()),
            Order::Panic => panic!("told to panic"),
            Order::Echo(n, reply) => reply.send(n),
            Order::Refuse(_reply) => return Err("refused".into()),
            Order::Hang => std::future::pending().await,
        }
        Ok(())
    }

    async fn signal(&mut self, signal: Signal, _: &mut Context<Self>) -> Result<(), BoxError> {
        match signal {
            Signal::Down { peer, reason } => self.log.write(format!("{} sees {} down: {reason}", self.name, peer.name)),
            Signal::Exit { peer, reason } => self.log.write(format!("{} sees {} exit: {reason}", self.name, peer.name)),
            _ => {}
        }
        Ok(())
    }

    async fn stopping(&mut self, _: &mut Context<Self>) -> Result<(), BoxError> {
        self.log.write(format!("{} down", self.name));
        Ok(())
    }
}

pub(crate) fn room(capacity: usize) -> Mailbox {
    Mailbox::bounded(capacity).unwrap()
}

pub(crate) fn room_or(capacity: usize, overflow: Overflow) -> Mailbox {
    room(capacity).overflow(overflow)
}
