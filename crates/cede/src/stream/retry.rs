//! Trying again.

use std::future::Future;

use super::Backoff;
use crate::time::sleep;

/// Calls `attempt` until it succeeds, it fails with an error that `is_transient` refuses, or the attempts are used up; pauses in between.
///
/// # Errors
/// That of the last attempt.
///
/// # Panics
/// With the panic of `attempt`; and outside of a runtime, if there is a pause to be made.
///
/// # Cancel safety
/// Dropping the future drops that of the present attempt; no further one is made.
///
/// ```
/// use cede::stream::{Backoff, retry};
/// use std::time::Duration;
///
/// # cede::block_on(async {
/// let mut calls = 0;
/// let answer = retry(
///     Backoff::new(Duration::from_micros(10)),
///     || {
///         calls += 1;
///         let answer = if calls < 3 { Err("busy") } else { Ok(42) };
///         async move { answer }
///     },
///     |error| *error == "busy",
/// );
/// assert_eq!(answer.await, Ok(42));
/// # });
/// ```
pub async fn retry<T, E, Fut>(
    mut backoff: Backoff,
    mut attempt: impl FnMut() -> Fut,
    mut is_transient: impl FnMut(&E) -> bool,
) -> Result<T, E>
where
    Fut: Future<Output = Result<T, E>>,
{
    loop {
        let error = match attempt().await {
            Ok(output) => return Ok(output),
            Err(error) => error,
        };
        if !is_transient(&error) {
            return Err(error);
        }
        let Some(pause) = backoff.next() else { return Err(error) };
        sleep(pause).await;
    }
}
