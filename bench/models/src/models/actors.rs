//! An actor for each unit: a task that owns its state and a bounded mailbox, asked by message, answering by message. On cede's pool.
#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::TcpStream;
use cede::runtime::Runtime;
use cede::sync::{mpsc, oneshot};

use crate::job::{Elsewhere, MESSAGE, Model, Origin, REQUEST, check, hash_of};

pub(crate) struct Actors;

impl Model for Actors {
    fn name(&self) -> &'static str {
        "actors (cede)"
    }

    fn source(&self) -> &'static str {
        include_str!("actors.rs")
    }

    fn requests(&self, origin: Origin, n: usize) -> io::Result<Elsewhere> {
        Runtime::new()?.block_on(async move {
            let mut answers = Vec::with_capacity(n);
            for unit in 0..n {
                let (answer, answered) = oneshot::channel();
                ask(&start(), Message::Request { origin: origin.of(unit), answer }).await?;
                answers.push(answered);
            }
            for answered in answers {
                answered.await.map_err(io::Error::other)??;
            }
            Ok(Elsewhere::default())
        })
    }

    fn hash(&self, pieces: u64) -> io::Result<u64> {
        Runtime::new()?.block_on(async move {
            let mut answers = Vec::new();
            for piece in 0..pieces {
                let (answer, answered) = oneshot::channel();
                ask(&start(), Message::Hash { piece, answer }).await?;
                answers.push(answered);
            }
            let mut sum = 0_u64;
            for answered in answers {
                sum = sum.wrapping_add(answered.await.map_err(io::Error::other)?);
            }
            Ok(sum)
        })
    }
}

enum Message {
    Request { origin: SocketAddr, answer: oneshot::Sender<io::Result<()>> },
    Hash { piece: u64, answer: oneshot::Sender<u64> },
}

/// Starts an actor; it ends when its address is dropped and its mailbox empty.
fn start() -> mpsc::Sender<Message> {
    let (address, mut mailbox) = mpsc::channel(1);
    cede::spawn(async move {
        while let Some(message) = mailbox.recv().await {
            // Who asked may have gone; then nobody misses the answer.
            match message {
                Message::Request { origin, answer } => drop(answer.send(request(origin).await)),
                Message::Hash { piece, answer } => drop(answer.send(hash_of(piece))),
            }
        }
    });
    address
}

async fn ask(actor: &mpsc::Sender<Message>, message: Message) -> io::Result<()> {
    actor.send(message).await.map_err(|_| io::Error::other("the actor has ended"))
}

async fn request(origin: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(origin).await?;
    stream.write_all(&REQUEST).await?;
    let mut answer = [0; MESSAGE];
    stream.read_exact(&mut answer).await?;
    check(&answer)
}
