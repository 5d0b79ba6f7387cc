//! The life of one value of an actor: from its making to its exit.
//!
//! The life is a future inside of this one, so that it can be killed and its panics be caught while the cell, and the mail, stay. It is polled after the killer: who is killed does nothing more.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use futures_util::FutureExt;

use crate::cell::Cell;
use crate::inbox::Envelope;
use crate::kill::Killer;
use crate::node::{Request, StopRequest};
use crate::stop::Mail;
use crate::ticket::CURRENT;
use crate::{Actor, BoxError, Context, ExitReason};

pub(crate) async fn run<A: Actor>(cell: &mut Cell<A>, started: impl FnOnce() + Send) -> ExitReason {
    let node = Arc::clone(cell.node());
    let mut killer = Killer::new(&node);
    let mut life = Box::pin(AssertUnwindSafe(CURRENT.scope(node, life(cell, started))).catch_unwind());
    let reason = poll_fn(|cx| match killer.poll(cx) {
        Poll::Ready(reason) => Poll::Ready(reason),
        Poll::Pending => life.as_mut().poll(cx).map(|ended| match ended {
            Ok(Ok(reason)) => reason,
            Ok(Err(error)) => ExitReason::Failed(error.into()),
            Err(panic) => panicked(&*panic),
        }),
    })
    .await;
    match catch_unwind(AssertUnwindSafe(|| drop(life))) {
        Ok(()) => reason,
        Err(panic) => panicked(&*panic),
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> ExitReason {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    ExitReason::Panicked(message.unwrap_or("(no message)").into())
}

enum Next<M> {
    Request(Request),
    Mail(Envelope<M>),
}

async fn life<A: Actor>(cell: &mut Cell<A>, started: impl FnOnce() + Send) -> Result<ExitReason, BoxError> {
    let mut actor = cell.make();
    let mut context = Context::new(cell.address.clone());
    actor.started(&mut context).await?;
    started();
    loop {
        match next(cell).await {
            Next::Mail(envelope) => handle(&mut actor, envelope, &mut context).await?,
            Next::Request(Request::Signal(signal)) => actor.signal(signal, &mut context).await?,
            Next::Request(Request::Stop(request)) => {
                empty(cell, &mut actor, request, &mut context).await?;
                actor.stopping(&mut context).await?;
                return Ok(request.reason());
            }
        }
    }
}

/// Requests come before mail.
async fn next<A: Actor>(cell: &mut Cell<A>) -> Next<A::Message> {
    poll_fn(|cx| {
        if let Some(request) = cell.node().take_request(cx.waker()) {
            return Poll::Ready(Next::Request(request));
        }
        match cell.inbox.poll_recv(cx) {
            Poll::Ready(Some(envelope)) => Poll::Ready(Next::Mail(envelope)),
            // The address of the context keeps it open; if it was closed by a stop that was cut off, nothing comes but requests.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    })
    .await
}

async fn handle<A: Actor>(actor: &mut A, envelope: Envelope<A::Message>, context: &mut Context<A>) -> Result<(), BoxError> {
    let (message, handling) = envelope.open();
    let result = actor.handle(message, context).await;
    if result.is_ok() {
        handling.returned();
    }
    result
}

/// What a stop does with the mail. Of an actor that lives again, only that which is there now is concerned.
async fn empty<A: Actor>(cell: &mut Cell<A>, actor: &mut A, request: StopRequest, context: &mut Context<A>) -> Result<(), BoxError> {
    if request.last {
        cell.inbox.close();
    }
    match request.stop.mail {
        Mail::Keep => {}
        Mail::Discard => cell.discard(),
        Mail::Drain => {
            for _ in 0..cell.inbox.len() {
                let Ok(envelope) = cell.inbox.try_recv() else { break };
                handle(actor, envelope, context).await?;
                // An actor that is never made to wait still lets others run.
                cede::task::consume_budget().await;
            }
        }
    }
    Ok(())
}
