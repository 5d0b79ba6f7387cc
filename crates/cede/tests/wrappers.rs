//! What the system gives, as streams: connections, signals, lines, directories; cut at any poll, nothing is lost.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::task::Poll;

use cede::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use cede::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use cede::process::Command;
use cede::runtime::Builder;
use cede::signal::unix::{SignalKind, signal};
use cede::stream::wrappers::{LinesStream, ReadDirStream, SignalStream, SplitStream, TcpListenerStream, UnixListenerStream};
use cede::stream::{Stream, StreamExt};

/// The next item, by a new future for each poll.
async fn cut_next<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    loop {
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut *stream).poll_next(cx))).await;
        match polled {
            Poll::Ready(item) => return item,
            Poll::Pending => cede::task::yield_now().await,
        }
    }
}

fn run(body: impl Future<Output = io::Result<()>> + Send + 'static) {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(body).unwrap();
}

#[test]
fn connections_are_streams() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let mut connections = TcpListenerStream::new(listener);
        let clients = cede::spawn(async move {
            for _ in 0..5 {
                TcpStream::connect(address).await?.write_all(b"hello\n").await?;
            }
            io::Result::Ok(())
        });
        for _ in 0..5 {
            let lines = BufReader::new(cut_next(&mut connections).await.unwrap()?).lines();
            assert_eq!(LinesStream::new(lines).map(Result::unwrap).collect::<Vec<_>>().await, ["hello"]);
        }
        clients.await??;
        assert_eq!(connections.as_ref().local_addr()?, address);

        let path = std::env::temp_dir().join(format!("cede-wrappers-{}", std::process::id()));
        let mut connections = UnixListenerStream::new(UnixListener::bind(&path)?);
        let client = cede::spawn(UnixStream::connect(path.clone()));
        cut_next(&mut connections).await.unwrap()?;
        client.await??;
        std::fs::remove_file(path)
    });
}

#[test]
fn signals_are_streams_and_those_that_come_at_once_are_one() {
    run(async {
        let own = rustix::process::getpid();
        let raise = || rustix::process::kill_process(own, rustix::process::Signal::USR2);
        let mut both = SignalStream::new(signal(SignalKind::user_defined2())?);
        let mut direct = signal(SignalKind::user_defined2())?;
        for _ in 0..3 {
            for _ in 0..10 {
                raise()?;
            }
            assert_eq!(cut_next(&mut both).await, Some(()));
            assert_eq!(direct.next().await, Some(()));
        }
        Ok(())
    });
}

#[test]
fn the_output_of_a_child_and_the_entries_of_a_directory_are_streams() {
    run(async {
        let mut child = Command::new("sh").args(["-c", "printf 'a b\\nc'; sleep 0.01; printf 'd e\\n'"]).stdout(Stdio::piped()).spawn()?;
        let mut lines = LinesStream::new(BufReader::new(child.stdout.take().unwrap()).lines());
        let mut got = Vec::new();
        while let Some(line) = cut_next(&mut lines).await {
            got.push(line?);
        }
        assert_eq!(got, ["a b", "cd e"]);
        assert!(child.wait().await?.success());
        let words: Vec<_> = SplitStream::new(BufReader::new(&b"x y"[..]).split(b' ')).map(Result::unwrap).collect().await;
        assert_eq!(words, [b"x", b"y"]);
        let entries = ReadDirStream::new(cede::fs::read_dir("/proc/self/task").await?);
        assert!(entries.map(Result::unwrap).count().await >= 3, "a directory for each thread");
        Ok(())
    });
}
