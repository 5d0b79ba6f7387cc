//! Writes a download to its file without blocking the runtime.
//!
//! Chunks from the network are small and file writes block, so chunks are gathered until there are [`BATCH`] bytes, and each batch is one job on the blocking
//! pool. While that job writes (and hashes), the next batch is gathered; then the transfer waits for the job. So memory is bounded by two batches for each
//! transfer, a slow disk slows its own transfers only, and no thread is held while the network is slow.
//!
//! - I1: at most one job of a writer exists, so the bytes land in order.
//! - I2: after an error nothing more is written.

use std::fs::File;
use std::io::{self, Write};

use bytes::Bytes;
use cede::task::JoinHandle;
use sha2::{Digest, Sha256};

const BATCH: usize = 256 * 1024;

/// Writes one file from its present position on.
#[derive(Debug)]
pub(crate) struct Writer {
    state: State,
    gathered: Vec<Bytes>,
    size: usize,
}

#[derive(Debug)]
enum State {
    Idle(Sink),
    Busy(JoinHandle<io::Result<Sink>>),
    /// An error was reported (I2).
    Failed,
}

/// What a job needs; it travels to the pool and back.
#[derive(Debug)]
struct Sink {
    file: File,
    hash: Option<Sha256>,
}

impl Sink {
    fn write(mut self, chunks: &[Bytes]) -> io::Result<Self> {
        for chunk in chunks {
            self.file.write_all(chunk)?;
            if let Some(hash) = &mut self.hash {
                hash.update(chunk);
            }
        }
        Ok(self)
    }
}

impl Writer {
    /// With `hash`, [`finish`](Self::finish) returns the SHA-256 of what was written.
    pub(crate) fn new(file: File, hash: bool) -> Self {
        Self { state: State::Idle(Sink { file, hash: hash.then(Sha256::new) }), gathered: Vec::new(), size: 0 }
    }

    /// Takes a chunk; waits only if the disk is two batches behind.
    ///
    /// # Cancel safety
    /// If this is dropped, the chunk is kept, and a later call goes on.
    pub(crate) async fn push(&mut self, chunk: Bytes) -> io::Result<()> {
        self.size += chunk.len();
        self.gathered.push(chunk);
        if self.size < BATCH { Ok(()) } else { self.start_batch().await }
    }

    /// Writes what is left. The data is in the file then, though perhaps not on the disk.
    pub(crate) async fn finish(mut self) -> io::Result<Option<[u8; 32]>> {
        self.start_batch().await?;
        let sink = self.idle().await?;
        Ok(sink.hash.map(|hash| hash.finalize().into()))
    }

    async fn start_batch(&mut self) -> io::Result<()> {
        let sink = self.idle().await?;
        let chunks = std::mem::take(&mut self.gathered);
        self.size = 0;
        self.state = State::Busy(cede::task::spawn_blocking(move || sink.write(&chunks)));
        Ok(())
    }

    /// Waits for the job under way (I1). The state stays `Busy` until the job has ended, so that a dropped wait loses nothing.
    async fn idle(&mut self) -> io::Result<Sink> {
        let result = match &mut self.state {
            State::Busy(job) => job.await.unwrap_or_else(|error| Err(io::Error::other(error))),
            State::Idle(_) | State::Failed => match std::mem::replace(&mut self.state, State::Failed) {
                State::Idle(sink) => return Ok(sink),
                _ => Err(io::Error::other("writing to the file failed before")),
            },
        };
        self.state = State::Failed;
        result
    }
}

#[cfg(test)]
mod tests {
    //! Bytes land in order, whole, and once.

    use std::fs::File;
    use std::io::Read;

    use bytes::Bytes;
    use sha2::{Digest, Sha256};

    use super::{BATCH, Writer};

    #[test]
    fn everything_arrives_in_order() {
        let path = std::env::temp_dir().join(format!("cede-writer-{}", std::process::id()));
        let data: Vec<u8> = (0..3 * BATCH + 17).map(|i| ((i * i) >> 7) as u8).collect();
        let file = File::create(&path).unwrap();
        let sum = cede::block_on(async {
            let mut writer = Writer::new(file, true);
            for chunk in data.chunks(4099) {
                writer.push(Bytes::copy_from_slice(chunk)).await.unwrap();
            }
            writer.finish().await.unwrap()
        });
        let mut written = Vec::new();
        File::open(&path).unwrap().read_to_end(&mut written).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert!(written == data);
        assert_eq!(sum, Some(Sha256::digest(&data).into()));
    }

    #[test]
    fn an_error_is_told_and_ends_the_writing() {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        cede::block_on(async {
            let mut writer = Writer::new(full, false);
            let chunk = Bytes::from(vec![0; BATCH]);
            writer.push(chunk.clone()).await.unwrap();
            assert_eq!(writer.push(chunk.clone()).await.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
            assert!(writer.push(chunk).await.is_err());
            assert!(writer.finish().await.is_err());
        });
    }
}
