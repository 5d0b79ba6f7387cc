//! Operations on the whole of an open file.
//!
//! Each waits for the operation that is under way, so that it comes after the writes before it.

use std::fs::{Metadata, Permissions};
use std::future::poll_fn;
use std::io::{self, Seek, SeekFrom};
use std::time::SystemTime;

use super::File;
use super::state::{Outcome, State};
use crate::fs::FileTimes;
use crate::io::pooled;

impl File {
    /// Waits for the operation that is under way, then does another on the file.
    async fn after<R: Send + 'static>(&self, operation: impl FnOnce(&std::fs::File) -> io::Result<R> + Send + 'static) -> io::Result<R> {
        self.progress.lock().await.settle().await;
        let std = self.std.clone();
        pooled::run(move || operation(&std)).await
    }

    /// Waits until the file's content and metadata have reached the disk.
    ///
    /// *Cancel safety*: dropping it does not end the operation.
    ///
    /// # Errors
    /// Those of `fsync(2)`.
    pub async fn sync_all(&self) -> io::Result<()> {
        self.after(std::fs::File::sync_all).await
    }

    /// Waits until the file's content has reached the disk, with as much metadata as it takes to read it.
    ///
    /// *Cancel safety*: dropping it does not end the operation.
    ///
    /// # Errors
    /// Those of `fdatasync(2)`.
    pub async fn sync_data(&self) -> io::Result<()> {
        self.after(std::fs::File::sync_data).await
    }

    /// Makes the file longer, with zeros, or cuts it off. The position stays.
    ///
    /// *Cancel safety*: dropping it does not end the operation.
    ///
    /// # Errors
    /// Those of `ftruncate(2)`.
    pub async fn set_len(&self, size: u64) -> io::Result<()> {
        let mut progress = self.progress.lock().await;
        progress.settle().await;
        let mut buffer = std::mem::take(progress.buffer());
        let (std, back) = (self.std.clone(), buffer.discard());
        let operation = pooled::start(move || {
            // The bytes that nobody has taken are forgotten: the file goes back to before them.
            let moved = back.map_or(Ok(0), |back| (&*std).seek(SeekFrom::Current(back)));
            (Outcome::Resize(moved.and_then(|_| std.set_len(size))), buffer)
        })?;
        progress.state = State::Busy(operation);
        match poll_fn(|cx| progress.poll_outcome(cx)).await? {
            Some(Outcome::Resize(result)) => result,
            _ => unreachable!("that was under way"),
        }
    }

    /// The file's metadata.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// Those of `fstat(2)`.
    pub async fn metadata(&self) -> io::Result<Metadata> {
        let std = self.std.clone();
        pooled::run(move || std.metadata()).await
    }

    /// Another handle on the same open file: they share the position.
    ///
    /// *Cancel safety*: dropping it loses nothing.
    ///
    /// # Errors
    /// If there are no descriptors left.
    pub async fn try_clone(&self) -> io::Result<File> {
        let std = self.after(std::fs::File::try_clone).await?;
        let mut file = File::from_std(std);
        file.set_max_buf_size(self.max_buf_size);
        Ok(file)
    }

    /// Changes who may use the file.
    ///
    /// *Cancel safety*: dropping it does not end the operation.
    ///
    /// # Errors
    /// Those of `fchmod(2)`.
    pub async fn set_permissions(&self, permissions: Permissions) -> io::Result<()> {
        let std = self.std.clone();
        pooled::run(move || std.set_permissions(permissions)).await
    }

    /// Changes when the file was read and written.
    ///
    /// *Cancel safety*: dropping it does not end the operation.
    ///
    /// # Errors
    /// Those of `futimens(2)`.
    pub async fn set_times(&self, times: FileTimes) -> io::Result<()> {
        self.after(move |file| file.set_times(times.std())).await
    }

    /// Changes when the file was written.
    ///
    /// *Cancel safety*: dropping it does not end the operation.
    ///
    /// # Errors
    /// Those of `futimens(2)`.
    pub async fn set_modified(&self, time: SystemTime) -> io::Result<()> {
        self.set_times(FileTimes::new().set_modified(time)).await
    }
}
