//! An actor for each unit: it owns its state and a bounded mailbox, is asked by message and answers by message. On cede's pool.
#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::TcpStream;
use cede::runtime::Runtime;
use cede::sync::oneshot;
use cede_actor::{Actor, Address, BoxError, Context, Mailbox, Stop, System};

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
            let system = System::new();
            let mut answers = Vec::with_capacity(n);
            for unit in 0..n {
                let (answer, answered) = oneshot::channel();
                start(&system)?.tell(Message::Request { origin: origin.of(unit), answer }).await.map_err(io::Error::other)?;
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
            let system = System::new();
            let mut answers = Vec::new();
            for piece in 0..pieces {
                let (answer, answered) = oneshot::channel();
                start(&system)?.tell(Message::Hash { piece, answer }).await.map_err(io::Error::other)?;
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

struct Worker;

enum Message {
    Request { origin: SocketAddr, answer: oneshot::Sender<io::Result<()>> },
    Hash { piece: u64, answer: oneshot::Sender<u64> },
}

impl Actor for Worker {
    type Message = Message;

    async fn handle(&mut self, message: Message, context: &mut Context<Self>) -> Result<(), BoxError> {
        // Who asked may have gone; then nobody misses the answer.
        match message {
            Message::Request { origin, answer } => drop(answer.send(request(origin).await)),
            Message::Hash { piece, answer } => drop(answer.send(hash_of(piece))),
        }
        context.stop(Stop::drain());
        Ok(())
    }
}

fn start(system: &System) -> io::Result<Address<Worker>> {
    Ok(system.spawn("worker", Mailbox::bounded(1).map_err(io::Error::other)?, Worker))
}

async fn request(origin: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(origin).await?;
    stream.write_all(&REQUEST).await?;
    let mut answer = [0; MESSAGE];
    stream.read_exact(&mut answer).await?;
    check(&answer)
}
