//! A task of tokio for each unit, on one thread or on a worker for each processor.
#![forbid(unsafe_code)]

use std::io;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

use crate::job::{Elsewhere, MESSAGE, Model, Origin, REQUEST, check, hash_of};

pub(crate) enum Tokio {
    OneThread,
    Pool,
}

impl Model for Tokio {
    fn name(&self) -> &'static str {
        match self {
            Self::OneThread => "async, one thread (tokio)",
            Self::Pool => "async, pool (tokio)",
        }
    }

    fn source(&self) -> &'static str {
        include_str!("tokio.rs")
    }

    fn requests(&self, origin: Origin, n: usize) -> io::Result<Elsewhere> {
        self.runtime()?.block_on(async move {
            let tasks: Vec<_> = (0..n).map(|unit| tokio::spawn(request(origin.of(unit)))).collect();
            for task in tasks {
                task.await??;
            }
            Ok(Elsewhere::default())
        })
    }

    fn hash(&self, pieces: u64) -> io::Result<u64> {
        self.runtime()?.block_on(async move {
            let tasks: Vec<_> = (0..pieces).map(|piece| tokio::spawn(async move { hash_of(piece) })).collect();
            let mut sum = 0_u64;
            for task in tasks {
                sum = sum.wrapping_add(task.await?);
            }
            Ok(sum)
        })
    }
}

impl Tokio {
    fn runtime(&self) -> io::Result<Runtime> {
        match self {
            Self::OneThread => Builder::new_current_thread().enable_all().build(),
            Self::Pool => Builder::new_multi_thread().enable_all().build(),
        }
    }
}

async fn request(origin: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(origin).await?;
    stream.write_all(&REQUEST).await?;
    let mut answer = [0; MESSAGE];
    stream.read_exact(&mut answer).await?;
    check(&answer)
}
