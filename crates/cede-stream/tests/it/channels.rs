//! Channels as streams and sinks.

use cede_stream::wrappers::{BroadcastStream, BroadcastStreamRecvError, ReceiverStream, UnboundedReceiverStream, WatchStream};
use cede_stream::{IntoSink, PollSender, SinkReadyExt, zip_latest};
use cede_sync::{broadcast, mpsc, watch};
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{FutureExt, SinkExt, Stream, StreamExt};

use crate::polling::{both, drive, give_way};
use crate::up_to::up_to;

#[test]
fn receivers_are_streams_that_end_with_the_senders() {
    let (tx, rx) = mpsc::channel(4);
    (0..3).for_each(|value| tx.try_send(value).unwrap());
    assert_eq!(rx.size_hint(), (3, None));
    let mut numbers = ReceiverStream::new(rx);
    assert_eq!(numbers.next().now_or_never(), Some(Some(0)));
    numbers.close();
    assert!(tx.try_send(4).is_err());
    assert_eq!(numbers.into_inner().collect::<Vec<_>>().now_or_never(), Some(vec![1, 2]));
    let (tx, rx) = mpsc::unbounded_channel();
    tx.send(1).unwrap();
    let mut numbers = UnboundedReceiverStream::from(rx);
    assert_eq!(numbers.next().now_or_never(), Some(Some(1)));
    assert_eq!(numbers.next().now_or_never(), None);
    drop(tx);
    assert_eq!(numbers.as_mut().next().now_or_never(), Some(None));
}

#[test]
fn broadcast_and_watch_streams_wait_and_lose_nothing_when_cut() {
    let (tx, rx) = broadcast::channel(2);
    let mut stream = BroadcastStream::new(rx);
    for value in 0..10 {
        // The waiting future has the receiver; it stays in the stream.
        assert_eq!(drive(up_to(2, stream.next())), None);
        assert!(tx.send(value).is_ok());
        assert_eq!(stream.next().now_or_never(), Some(Some(Ok(value))));
    }
    (0..5).for_each(|value| assert!(tx.send(value).is_ok()));
    drop(tx);
    let rest = stream.collect::<Vec<_>>().now_or_never().unwrap();
    assert_eq!(rest, [Err(BroadcastStreamRecvError::Lagged(3)), Ok(3), Ok(4)]);

    let (tx, rx) = watch::channel(0);
    let mut changes = WatchStream::from_changes(rx.clone());
    let mut values = WatchStream::new(rx);
    assert_eq!((values.next().now_or_never(), changes.next().now_or_never()), (Some(Some(0)), None));
    tx.send(1).unwrap();
    assert_eq!((values.next().now_or_never(), changes.next().now_or_never()), (Some(Some(1)), Some(Some(1))));
    drop(tx);
    assert_eq!((values.next().now_or_never(), changes.next().now_or_never()), (Some(None), Some(None)));
}

#[test]
fn a_sender_is_a_sink_with_back_pressure() {
    let (tx, mut rx) = mpsc::channel(2);
    let mut sink = tx.into_sink();
    let taken = async {
        // It goes on only as the receiver takes.
        let all = stream::iter(0..100).map(Ok).forward(&mut sink).await;
        all.unwrap();
    };
    let mut received = Vec::new();
    let receive = async {
        while let Some(value) = rx.recv().await {
            assert!(rx.len() <= 2);
            received.push(value);
            give_way().await;
        }
    };
    drive(both(taken, receive));
    assert!(received.into_iter().eq(0..100));
}

#[test]
fn room_is_kept_given_up_and_closed() {
    let (tx, mut rx) = mpsc::channel(1);
    let mut sink = PollSender::new(tx);
    let mut other = sink.clone();
    sink.ready().now_or_never().unwrap().unwrap();
    assert_eq!(drive(up_to(1, other.ready())).map(Result::unwrap), None, "the room is taken");
    assert!(sink.abort_send() && !sink.abort_send());
    other.ready().now_or_never().unwrap().unwrap();
    other.close();
    assert!(other.is_closed() && other.get_ref().is_none());
    other.send_item(1).unwrap();
    assert_eq!(other.send_item(2).unwrap_err().into_inner(), Some(2));
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| sink.send_item(3))).is_err());
    drop(rx);
    assert!(sink.send(4).now_or_never().unwrap().is_err());
    let (tx, rx) = mpsc::unbounded_channel();
    let mut sink = tx.into_sink();
    sink.feed(1).now_or_never().unwrap().unwrap();
    drop(rx);
    assert_eq!(sink.start_send_unpin(2).unwrap_err().into_inner(), Some(2));
    assert!(sink.ready().now_or_never().unwrap().is_err());
}

#[test]
fn one_stream_goes_to_two_sinks() {
    let ((one, mut first), (two, mut second)) = (mpsc::channel(1), mpsc::channel(1));
    let forward = stream::iter(0..50).map(Ok).forward(one.into_sink().fanout(two.into_sink()));
    let receive = async {
        let receivers: FuturesUnordered<_> = [&mut first, &mut second].into_iter().map(|rx| rx.collect::<Vec<_>>()).collect();
        receivers.collect::<Vec<_>>().await
    };
    let (sent, received) = drive(both(forward, receive));
    sent.unwrap();
    assert!(received.len() == 2 && received.iter().all(|values| values.iter().copied().eq(0..50)));
}

#[test]
fn the_latest_of_both() {
    let ((a, first), (b, second)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
    let mut pairs = zip_latest(first, second);
    a.send(1).unwrap();
    assert_eq!(pairs.next().now_or_never(), None);
    b.send("x").unwrap();
    assert_eq!(pairs.next().now_or_never(), Some(Some((1, "x"))));
    assert_eq!(pairs.next().now_or_never(), None);
    a.send(2).unwrap();
    a.send(3).unwrap();
    assert_eq!(pairs.next().now_or_never(), Some(Some((3, "x"))));
    drop(a);
    b.send("y").unwrap();
    assert_eq!(pairs.next().now_or_never(), Some(Some((3, "y"))));
    drop(b);
    assert_eq!(pairs.next().now_or_never(), Some(None));
    assert_eq!(zip_latest(stream::empty::<u8>(), stream::pending::<u8>()).next().now_or_never(), Some(None));
    let endless = zip_latest(stream::repeat(1), stream::repeat(2));
    assert_eq!(endless.take(3).count().now_or_never(), Some(3));
}
