//! The right to send messages to an actor.

use std::fmt;
use std::panic::Location;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use cede::event::{EmitError, Emitter, Room};
use cede::task::unconstrained;
use cede::time::timeout;

use crate::circle::{Circle, WaitFor};
use crate::inbox::Envelope;
use crate::node::Node;
use crate::ticket::Ticket;
use crate::window::Window;
use crate::{Actor, ActorId, Emitted, Ended, ExitReason, Mailbox, Overflow, Stop, System, TellError};

/// The right to send messages to an actor. It can be cloned, and used from any task; it stays right over restarts, and does not keep the actor alive.
///
/// ```
/// # use cede_actor::{Actor, BoxError, Context, Mailbox, Reply, Stop, System};
/// # struct Echo;
/// # impl Actor for Echo {
/// #     type Message = (String, Reply<String>);
/// #     async fn handle(&mut self, (text, reply): Self::Message, _: &mut Context<Self>) -> Result<(), BoxError> {
/// #         reply.send(text);
/// #         Ok(())
/// #     }
/// # }
/// # cede::block_on(async {
/// let echo = System::new().spawn("echo", Mailbox::bounded(8)?, Echo);
/// let limit = std::time::Duration::from_secs(5);
/// assert_eq!(echo.ask_within(limit, |reply| ("hello".to_owned(), reply)).await?, "hello");
/// echo.stop(Stop::drain());
/// assert!(echo.ended().await.reason.is_normal());
/// assert!(echo.is_closed() && echo.ask(|reply| ("too late".to_owned(), reply)).await.is_err());
/// # Ok::<(), BoxError>(()) }).unwrap();
/// ```
pub struct Address<A: Actor> {
    shared: Arc<Shared<A>>,
}

struct Shared<A: Actor> {
    node: Arc<Node>,
    emitter: Emitter<Envelope<A::Message>>,
    overflow: Overflow,
    window: Arc<Mutex<Window>>,
}

impl<A: Actor> Address<A> {
    pub(crate) fn new(node: Arc<Node>, emitter: Emitter<Envelope<A::Message>>, mailbox: &Mailbox) -> Self {
        let window = Arc::new(Mutex::new(Window::new(mailbox)));
        Self { shared: Arc::new(Shared { node, emitter, overflow: mailbox.overflow, window }) }
    }

    pub(crate) fn node(&self) -> &Arc<Node> {
        &self.shared.node
    }

    pub(crate) fn window(&self) -> &Arc<Mutex<Window>> {
        &self.shared.window
    }

    pub(crate) fn emitter(&self) -> &Emitter<Envelope<A::Message>> {
        &self.shared.emitter
    }

    pub(crate) fn overflow(&self) -> Overflow {
        self.shared.overflow
    }

    /// The actor's id.
    #[must_use]
    pub fn id(&self) -> ActorId {
        self.node().id()
    }

    /// The actor's name in reports and errors. It is not registered by itself; see [`System::register`].
    #[must_use]
    pub fn name(&self) -> Arc<str> {
        self.node().name()
    }

    /// The system that the actor belongs to.
    #[must_use]
    pub fn system(&self) -> &System {
        self.node().system()
    }

    /// How many messages are in the mailbox now.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.emitter().len()
    }

    /// How many messages were dropped because the mailbox was full.
    #[must_use]
    pub fn missed(&self) -> u64 {
        self.emitter().missed()
    }

    /// Whether the actor has ended for good.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.emitter().is_closed() || self.node().is_closed()
    }

    /// Puts a message into the mailbox. If that is full, what happens depends on its [`Overflow`] policy; by default this waits, in the order of telling.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, the message was not told.
    ///
    /// # Errors
    /// If the actor has ended for good; if the mailbox is full and fails then; if waiting for room would close a circle of actors that wait for each other.
    #[track_caller]
    pub fn tell(&self, message: A::Message) -> impl Future<Output = Result<Emitted, TellError<A::Message>>> + Send {
        self.post(Envelope::plain(message), Location::caller(), None)
    }

    /// As [`Address::tell`], and gives up after a time.
    ///
    /// # Errors
    /// As for [`Address::tell`], and if there was no room within the time.
    ///
    /// *Cancel safety*: as [`Address::tell`].
    #[track_caller]
    pub fn tell_within(&self, limit: Duration, message: A::Message) -> impl Future<Output = Result<Emitted, TellError<A::Message>>> + Send {
        self.post(Envelope::plain(message), Location::caller(), Some(limit))
    }

    /// Puts a message into the mailbox without waiting.
    ///
    /// # Errors
    /// If the actor has ended for good, or there is no room and the policy is not to drop.
    pub fn try_tell(&self, message: A::Message) -> Result<Emitted, TellError<A::Message>> {
        self.emitter().emit(Envelope::plain(message)).map_err(|error| self.refused(error))
    }

    fn refused(&self, error: EmitError<Envelope<A::Message>>) -> TellError<A::Message> {
        let (name, full) = (self.name(), error.is_full());
        let message = error.into_item().message;
        if full { TellError::Full { name, message } } else { TellError::Closed { name, message } }
    }

    pub(crate) async fn post(
        &self,
        envelope: Envelope<A::Message>,
        site: &'static Location<'static>,
        limit: Option<Duration>,
    ) -> Result<Emitted, TellError<A::Message>> {
        let envelope = match self.emitter().emit(envelope) {
            Err(EmitError::Full(envelope)) if self.overflow() == Overflow::Wait => envelope,
            ended => return ended.map_err(|error| self.refused(error)),
        };
        let room = match limit {
            None => self.wait_for_room(site).await,
            Some(limit) => match timeout(limit, self.wait_for_room(site)).await {
                Ok(room) => room,
                Err(_) => return Err(TellError::TimedOut { name: self.name(), limit, message: envelope.message }),
            },
        };
        match room {
            Ok(Some(room)) => room.put(envelope).map_err(|error| self.refused(error)),
            Ok(None) => Err(TellError::Closed { name: self.name(), message: envelope.message }),
            Err(circle) => Err(TellError::Deadlock { circle, message: envelope.message }),
        }
    }

    async fn wait_for_room(&self, site: &'static Location<'static>) -> Result<Option<Room<'_, Envelope<A::Message>>>, Circle> {
        let ticket = Ticket::begin(self.node(), WaitFor::Room, site)?;
        // Without a budget of its own, `Pending` means that there is no room, and nothing else.
        let mut reserve = pin!(unconstrained(self.emitter().reserve()));
        std::future::poll_fn(|cx| {
            let moment = ticket.arm(cx.waker());
            match reserve.as_mut().poll(cx) {
                Poll::Ready(room) => Poll::Ready(Ok(room)),
                Poll::Pending => ticket.confirm(moment).map_or(Poll::Pending, |circle| Poll::Ready(Err(circle))),
            }
        })
        .await
    }

    /// Asks the actor to stop. It ends well, so only a supervisor that restarts it [always](crate::Restart::Permanent) does so.
    pub fn stop(&self, stop: Stop) {
        self.node().stop(stop);
    }

    /// Waits until the present incarnation, or else the next one, has ended.
    ///
    /// *Cancel safety*: dropping it has no effect.
    pub fn exited(&self) -> impl Future<Output = ExitReason> + Send + use<A> {
        let exit = self.node().watch_exit();
        // Only the node's end drops the sender.
        async { exit.await.unwrap_or(ExitReason::Killed) }
    }

    /// Waits until the actor has ended for good.
    ///
    /// *Cancel safety*: dropping it has no effect.
    pub async fn ended(&self) -> Ended {
        self.node().ended().await
    }
}

impl<A: Actor> Clone for Address<A> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<A: Actor> fmt::Debug for Address<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Address").field("id", &self.id()).field("name", &self.name()).field("queued", &self.queued()).finish()
    }
}
