//! What an actor is.

use std::error::Error;
use std::future::{Future, ready};

use crate::{Context, Signal};

/// Any error; `?` turns others into it.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// State that is reached by messages only. See the [crate](crate) for an example.
///
/// The functions are called one at a time. An error or a panic of one of them ends the incarnation; whether there is another one, its supervisor decides. While one of them awaits, no other message
/// is handled: that keeps the state consistent, and is why waiting in circles is an error.
pub trait Actor: Send + Sized + 'static {
    /// What it can be told. An enum, if there are several things; those that want an answer carry a [`Reply`](crate::Reply).
    type Message: Send + 'static;

    /// Called once, before the first message.
    fn started(&mut self, context: &mut Context<Self>) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = context;
        ready(Ok(()))
    }

    /// Called for each message.
    fn handle(&mut self, message: Self::Message, context: &mut Context<Self>) -> impl Future<Output = Result<(), BoxError>> + Send;

    /// Called for the exit of an actor that this one watches, or that is linked to it if it [traps](Context::trap_exits) exits. Signals come before mail.
    fn signal(&mut self, signal: Signal, context: &mut Context<Self>) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = (signal, context);
        ready(Ok(()))
    }

    /// Called after the last message when it stops; not when it fails or is killed.
    fn stopping(&mut self, context: &mut Context<Self>) -> impl Future<Output = Result<(), BoxError>> + Send {
        let _ = context;
        ready(Ok(()))
    }
}
