//! An export keeps every processor busy while uploads run, and the prompt still answers at once.
//!
//! Three kinds of work, each where it belongs: what computes is on a compute pool, whose threads give way to all others; the uploads are tasks; the prompt reads from a plain thread, as a
//! terminal would be read, through channels. The prompt asks how far the export is, and can stop it, without a lock of its own.
//!
//! Run with: cargo run --release -p cede-examples --example export

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use cede::compute::{Cancelled, Computation, ComputePool, Work};
use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::{TcpListener, TcpStream};
use cede::sync::{mpsc, oneshot};

const PIECES: u64 = 128;
const UPLOADS: usize = 4;
const UPLOAD_BYTES: usize = 8 << 20;
/// People think before they type.
const THINK: Duration = Duration::from_millis(5);

/// One part of the export: it only computes. It looks after each piece whether anybody still wants it.
fn export(work: &Work, part: u64) -> Result<u64, Cancelled> {
    work.set_total(PIECES);
    let mut state = part + 1;
    for _ in 0..PIECES {
        work.check()?;
        for _ in 0..1 << 20 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
        }
        work.advance(1);
    }
    Ok(state)
}

/// Takes uploads and counts their bytes.
async fn receive(listener: TcpListener) -> io::Result<usize> {
    let mut received = Vec::new();
    for _ in 0..UPLOADS {
        let (mut stream, _) = listener.accept().await?;
        received.push(cede::spawn(async move {
            let mut buffer = vec![0; 64 * 1024];
            let mut total = 0;
            loop {
                match stream.read(&mut buffer).await? {
                    0 => return Ok::<usize, io::Error>(total),
                    count => total += count,
                }
            }
        }));
    }
    let mut total = 0;
    for upload in received {
        total += upload.await??;
    }
    Ok(total)
}

async fn upload(to: std::net::SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(to).await?;
    let chunk = vec![1; 64 * 1024];
    for _ in 0..UPLOAD_BYTES / chunk.len() {
        stream.write_all(&chunk).await?;
    }
    stream.shutdown().await
}

/// A line that was typed, and where its answer is printed.
type Line = (&'static str, oneshot::Sender<String>);

/// Types until nobody reads any more. Gives the time that each answer took. This is a thread, not a task.
fn type_lines(prompt: &mpsc::Sender<Line>) -> Vec<Duration> {
    let mut waits = Vec::new();
    loop {
        thread::sleep(THINK);
        let typed = Instant::now();
        let (answer, answered) = oneshot::channel();
        if prompt.blocking_send(("status", answer)).is_err() || answered.blocking_recv().is_err() {
            return waits;
        }
        waits.push(typed.elapsed());
    }
}

/// Answers until all parts have ended.
async fn answer_lines(mut lines: mpsc::Receiver<Line>, parts: &mut [Computation<Result<u64, Cancelled>>]) -> io::Result<u64> {
    let progress: Vec<_> = parts.iter().map(Computation::progress).collect();
    let mut all = Box::pin(async {
        let mut sum = 0_u64;
        for part in parts {
            sum ^= part.await?.map_err(io::Error::other)?;
        }
        Ok(sum)
    });
    loop {
        cede::select! {
            sum = &mut all => return sum,
            line = lines.recv() => {
                let Some((line, answer)) = line else { return all.await };
                let done: u64 = progress.iter().map(|part| part.borrow().done).sum();
                let total = PIECES * progress.len() as u64;
                // Who asked may have gone.
                let _ = answer.send(format!("{line}: {} %", done * 100 / total));
            }
        }
    }
}

#[cede::main]
async fn main() -> io::Result<()> {
    let start = Instant::now();
    let pool = ComputePool::builder().name("export").nice(19).build()?;
    let mut parts: Vec<_> = (0..pool.threads() as u64).map(|part| pool.spawn(move |work| export(work, part))).collect();

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = cede::spawn(receive(listener));
    let uploads: Vec<_> = (0..UPLOADS).map(|_| cede::spawn(upload(address))).collect();

    let (prompt, lines) = mpsc::channel(1);
    let typist = thread::spawn(move || type_lines(&prompt));
    answer_lines(lines, &mut parts).await?;
    let exported = start.elapsed();

    for upload in uploads {
        upload.await??;
    }
    let received = server.await??;
    let mut waits = typist.join().map_err(|_| io::Error::other("the typist panicked"))?;
    waits.sort();
    let at = |percent: usize| waits.get(waits.len() * percent / 100).copied().unwrap_or_default();
    println!("export: {} pieces on {} threads in {exported:.1?}", PIECES as usize * pool.threads(), pool.threads());
    println!("uploads: {received} bytes");
    println!("prompt: {} answers meanwhile, p50 {:.1?}, p99 {:.1?}", waits.len(), at(50), at(99));
    Ok(())
}
