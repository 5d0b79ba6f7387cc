//! What only cede has takes what a program got from tokio: its streams, scopes, groups, actors and copies know the types as their own.

use std::time::Duration;

use bytes::Bytes;
use cede_actor::{Actor, BoxError, Context, Mailbox, Reply, System};
use cede_stream::codec::{Framed, LinesCodec};
use cede_stream::wrappers::{BroadcastStream, ReceiverStream, UnboundedReceiverStream, WatchStream};
use cede_stream::{PollSender, ReadExactly, SinkReadyExt, WriteAll, zip_latest};
use futures_util::{SinkExt, StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, Sleep, interval, sleep};

const MS: Duration = Duration::from_millis(1);

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[tokio::test]
async fn channels_are_streams_and_sinks() {
    let (sender, receiver) = mpsc::channel::<u32>(2);
    let (unbounded, unbounded_receiver) = mpsc::unbounded_channel::<u32>();
    let sending: JoinHandle<()> = tokio::spawn(async move {
        let mut sink = PollSender::new(sender);
        sink.send_all(&mut stream::iter([1, 2, 3]).map(Ok)).await.unwrap();
        unbounded.send(4).unwrap();
    });
    let all: Vec<u32> = ReceiverStream::new(receiver).chain(UnboundedReceiverStream::new(unbounded_receiver)).collect().await;
    assert_eq!(all, [1, 2, 3, 4]);
    sending.await.unwrap();

    let (sender, mut receiver) = mpsc::channel(1);
    let mut sink = PollSender::new(sender);
    sink.ready().await.unwrap();
    sink.start_send_unpin(5).unwrap();
    assert_eq!(receiver.recv().await, Some(5));
}

#[tokio::test]
async fn the_latest_of_two_channels() {
    let (one, ones) = watch::channel(1);
    let (other, others) = broadcast::channel(4);
    let mut latest = zip_latest(WatchStream::new(ones), BroadcastStream::new(others).map(Result::unwrap));
    other.send('a').unwrap();
    assert_eq!(latest.next().await, Some((1, 'a')));
    one.send(2).unwrap();
    assert_eq!(latest.next().await, Some((2, 'a')));
}

#[tokio::test(start_paused = true)]
async fn intervals_and_handles_in_streams_of_cede() {
    let start = Instant::now();
    let ticks = cede::stream::wrappers::IntervalStream::new(interval(10 * MS));
    let ticks: Vec<Instant> = ticks.take(3).collect().await;
    assert_eq!(ticks, [start, start + 10 * MS, start + 20 * MS]);
    use cede::stream::TaskStreamExt;
    let jobs = stream::iter(0..4_u32).map(|n| async move { tokio::spawn(async move { n * n }).await.unwrap() });
    let squares: Vec<u32> = jobs.buffered_tasks(2).unwrap().collect().await;
    assert_eq!(squares, [0, 1, 4, 9]);
}

#[tokio::test(start_paused = true)]
async fn scopes_borrow_what_tokio_made() {
    let (sender, receiver) = oneshot::channel();
    let task: JoinHandle<u32> = tokio::spawn(async { 7 });
    let timer: Sleep = sleep(5 * MS);
    let start = Instant::now();
    let text = "borrowed".to_owned();
    let found = cede::scope(async |scope| {
        let waits = scope.spawn(timer);
        let joins = scope.spawn(task);
        let receives = scope.spawn(receiver);
        scope.spawn(async { sender.send(text.len()).unwrap() });
        waits.await;
        (joins.await.unwrap(), receives.await.unwrap())
    });
    assert_eq!(found.await, (7, 8));
    assert_eq!(start.elapsed(), 5 * MS);
}

#[tokio::test(start_paused = true)]
async fn groups_wait_for_what_tokio_made() {
    let mut group = cede::group::TaskGroup::<tokio::task::JoinError>::new();
    let fine = group.spawn(tokio::spawn(async { 1 }));
    assert_eq!(fine.await.unwrap(), 1);
    group.join().await.unwrap();
    let mut group = cede::group::TaskGroup::<tokio::task::JoinError>::new();
    let fails = group.spawn(async { tokio::spawn(async { panic!("on purpose") }).await });
    assert!(fails.await.is_err());
    assert!(group.join().await.is_err());
}

/// Keeps a connection, and answers through a channel of tokio.
struct Keeper(TcpStream);

enum Message {
    Send(Bytes, oneshot::Sender<usize>),
    Receive(Reply<Vec<u8>>),
}

impl Actor for Keeper {
    type Message = Message;

    async fn handle(&mut self, message: Message, _: &mut Context<Self>) -> Result<(), BoxError> {
        match message {
            Message::Send(bytes, done) => {
                self.0.write_all(&bytes).await?;
                tokio::time::timeout(Duration::from_secs(60), sleep(MS)).await?;
                done.send(bytes.len()).map_err(|_| "nobody waits")?;
            }
            Message::Receive(reply) => {
                let mut bytes = vec![0; 4];
                self.0.read_exact(&mut bytes).await?;
                reply.send(bytes);
            }
        }
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn actors_keep_what_tokio_made() {
    let (here, mut there) = connected().await;
    let system = System::new();
    let keeper = system.spawn("keeper", Mailbox::bounded(4).unwrap(), Keeper(here));
    let (done, sent) = oneshot::channel();
    keeper.tell(Message::Send(Bytes::from_static(b"ping"), done)).await.unwrap();
    assert_eq!(sent.await, Ok(4));
    let mut bytes = [0; 4];
    there.read_exact(&mut bytes).await.unwrap();
    there.write_all(&bytes).await.unwrap();
    assert_eq!(keeper.ask(Message::Receive).await.unwrap(), b"ping");
}

#[tokio::test]
async fn connections_in_copies_frames_and_exact_reads() {
    let (mut here, mut there) = connected().await;
    let (mut near, mut far) = tokio::io::duplex(64);
    let echo = tokio::spawn(async move {
        let (mut from, mut to) = there.split();
        cede::io::copy(&mut from, &mut to).await.unwrap()
    });
    let both = tokio::spawn(async move { cede::io::copy_bidirectional(&mut far, &mut here).await.unwrap() });
    WriteAll::new(&b"hello"[..]).write_to(&mut near).await.unwrap();
    let mut word = ReadExactly::new(5);
    assert_eq!(word.read_from(&mut near).await.unwrap(), b"hello");
    near.shutdown().await.unwrap();
    assert_eq!((echo.await.unwrap(), both.await.unwrap()), (5, (5, 5)));

    let (here, there) = connected().await;
    let (mut here, mut there) = (Framed::new(here, LinesCodec::new()), Framed::new(there, LinesCodec::new()));
    here.send("one line").await.unwrap();
    assert_eq!(there.next().await.unwrap().unwrap(), "one line");
}
