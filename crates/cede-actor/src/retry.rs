//! Trying again.

use std::panic::Location;
use std::time::Duration;

use cede::stream::Backoff;
use cede::time::{sleep, timeout};

use crate::{Actor, Address, AskError, Emitted, Key, Reply, TellError};

/// How often and how patiently to try.
///
/// ```
/// use cede::stream::Backoff;
/// use cede_actor::Retry;
/// use std::time::Duration;
///
/// let retry = Retry::new(Backoff::new(Duration::from_millis(50)).attempts(5)?).each_within(Duration::from_secs(1));
/// # let _ = retry;
/// # Ok::<(), cede::ZeroLimit>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Retry {
    backoff: Backoff,
    each: Option<Duration>,
}

impl Retry {
    /// Attempts with these pauses in between.
    pub fn new(backoff: Backoff) -> Self {
        Self { backoff, each: None }
    }

    /// No attempt takes longer.
    pub fn each_within(mut self, limit: Duration) -> Self {
        self.each = Some(limit);
        self
    }
}

impl<A: Actor> Address<A> {
    /// Asks until there is an answer, with a key, so that the actor sees the question at most once; see [`Address::ask_once`]. Only errors that [can go away](AskError::is_transient) are tried again.
    ///
    /// *Cancel safety*: as [`Address::ask_once`].
    ///
    /// # Errors
    /// That of the last attempt.
    #[track_caller]
    pub fn ask_retry<R>(
        &self,
        retry: &Retry,
        key: impl Into<Key>,
        mut make: impl FnMut(Reply<R>) -> A::Message + Send,
    ) -> impl Future<Output = Result<R, AskError>> + Send
    where
        R: Clone + Send + Sync + 'static,
    {
        let (site, key, Retry { mut backoff, each }) = (Location::caller(), key.into(), retry.clone());
        async move {
            loop {
                let attempt = self.ask_once_at(site, key.clone(), &mut make);
                let result = match each {
                    Some(limit) => timeout(limit, attempt).await.unwrap_or_else(|_| Err(AskError::TimedOut { name: self.name(), limit })),
                    None => attempt.await,
                };
                match result {
                    Err(error) if error.is_transient() => match backoff.next() {
                        Some(pause) => sleep(pause).await,
                        None => return Err(error),
                    },
                    ended => return ended,
                }
            }
        }
    }

    /// Tells until there is room; for mailboxes that [fail](crate::Overflow::Fail) when they are full.
    ///
    /// *Cancel safety*: if this is dropped before it is ready, the message was not told.
    ///
    /// # Errors
    /// That of the last attempt.
    pub async fn tell_retry(&self, retry: &Retry, mut message: A::Message) -> Result<Emitted, TellError<A::Message>> {
        let mut backoff = retry.backoff.clone();
        loop {
            match self.try_tell(message) {
                Err(TellError::Full { name, message: back }) => match backoff.next() {
                    Some(pause) => {
                        message = back;
                        sleep(pause).await;
                    }
                    None => return Err(TellError::Full { name, message: back }),
                },
                ended => return ended,
            }
        }
    }
}
