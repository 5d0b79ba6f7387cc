//! A fixed number of threads and a queue of closures: 512 threads for requests, one for each processor for hashing.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Builder};

use crate::job::{Elsewhere, MESSAGE, Model, Origin, REQUEST, check, hash_of};

pub(crate) struct ThreadPool;

const THREADS: usize = 512;

impl Model for ThreadPool {
    fn name(&self) -> &'static str {
        "thread pool"
    }

    fn source(&self) -> &'static str {
        include_str!("thread_pool.rs")
    }

    fn requests(&self, origin: Origin, n: usize) -> io::Result<Elsewhere> {
        run_all(THREADS.min(n), (0..n).map(|unit| move || request(origin.of(unit))))?.into_iter().collect::<io::Result<()>>()?;
        Ok(Elsewhere::default())
    }

    fn hash(&self, pieces: u64) -> io::Result<u64> {
        let processors = thread::available_parallelism()?.get();
        let hashes = run_all(processors, (0..pieces).map(|piece| move || hash_of(piece)))?;
        Ok(hashes.into_iter().fold(0, u64::wrapping_add))
    }

    fn in_flight(&self, n: usize) -> usize {
        THREADS.min(n)
    }
}

type Job = Box<dyn FnOnce() + Send>;

/// Starts the threads; they end when the queue is empty and the sender gone.
fn pool(threads: usize) -> io::Result<Sender<Job>> {
    let (sender, queue) = channel::<Job>();
    let queue = Arc::new(Mutex::new(queue));
    for _ in 0..threads {
        let queue = queue.clone();
        let take = move || queue.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
        Builder::new().spawn(move || {
            while let Some(job) = take() {
                job();
            }
        })?;
    }
    Ok(sender)
}

fn run_all<T: Send + 'static>(threads: usize, jobs: impl Iterator<Item = impl FnOnce() -> T + Send + 'static>) -> io::Result<Vec<T>> {
    let pool = pool(threads)?;
    let (done, results) = channel();
    for job in jobs {
        let done = done.clone();
        let job = move || drop(done.send(job()));
        pool.send(Box::new(job)).map_err(|_| io::Error::other("all threads have ended"))?;
    }
    drop(done);
    Ok(results.into_iter().collect())
}

fn request(origin: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(origin)?;
    stream.write_all(&REQUEST)?;
    let mut answer = [0; MESSAGE];
    stream.read_exact(&mut answer)?;
    check(&answer)
}
