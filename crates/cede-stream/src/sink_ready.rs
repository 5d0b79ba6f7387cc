//! Sending in two steps.

use std::future::{Future, poll_fn};

use futures_sink::Sink;
use futures_util::sink::SinkExt;

/// To wait for room before an item is given away. The futures of `send` and `feed` hold the item while they wait, and it is lost if they are dropped; this one holds nothing.
///
/// ```
/// use cede_stream::SinkReadyExt;
/// use cede_stream::codec::{FramedWrite, LinesCodec};
/// use futures_util::{FutureExt, SinkExt};
///
/// async fn send_line(sink: &mut FramedWrite<Vec<u8>, LinesCodec>) {
///     SinkReadyExt::<&str>::ready(sink).await.unwrap();
///     sink.start_send_unpin("line").unwrap();
///     SinkExt::<&str>::flush(sink).await.unwrap();
/// }
/// let mut sink = FramedWrite::new(Vec::new(), LinesCodec::new());
/// send_line(&mut sink).now_or_never().unwrap();
/// assert_eq!(sink.get_ref(), b"line\n");
/// ```
pub trait SinkReadyExt<Item>: Sink<Item> {
    /// Waits until the sink takes an item; the next call of `start_send` may give it one.
    ///
    /// # Errors
    /// Those of the sink.
    ///
    /// # Cancel safety
    /// It may be dropped and called anew at any time.
    fn ready(&mut self) -> impl Future<Output = Result<(), Self::Error>>
    where
        Self: Unpin,
    {
        poll_fn(|cx| self.poll_ready_unpin(cx))
    }
}

impl<Item, S: Sink<Item> + ?Sized> SinkReadyExt<Item> for S {}
