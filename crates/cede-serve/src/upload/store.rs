//! Where uploads are until they are complete, and how they get their names.
//!
//! ```text
//! .cede-upload/tmp-…        a PUT or a form's file under way; removed when the request ends, or at a start a day later
//! .cede-upload/ID.part      bytes of a resumable upload
//! .cede-upload/ID.info      what it is to become; it stays after the end, so that a client that missed the last answer can ask
//! .cede-upload/ID.unchecked the offset from which bytes are not checked yet; they count only when it is gone
//! ```

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use cede::sync::{Notify, OwnedMutexGuard};
use hyper::HeaderMap;
use rustix::fs::{AtFlags, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use crate::conditions::{self, Validators, Verdict};
use crate::path::PRIVATE;
use crate::root::{Root, create};

/// Unfinished uploads that nobody has touched for so long are forgotten at the next start.
const UPLOADS_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
const LEFTOVERS_KEPT: Duration = Duration::from_secs(24 * 3600);

/// All that is not complete.
#[derive(Debug)]
pub(crate) struct Uploads {
    root: Arc<Root>,
    dir: OwnedFd,
    live: Mutex<HashMap<String, Arc<Live>>>,
    commits: Mutex<()>,
    next: AtomicU64,
}

/// A resumable upload that somebody is busy with.
#[derive(Debug, Default)]
pub(super) struct Live {
    lock: Arc<cede::sync::Mutex<()>>,
    /// Asks whoever has the lock to give it up: its client has come back on another connection.
    kick: Notify,
    /// Those who want the lock. Counted before they kick, so that who has it sees one or the other.
    waiting: AtomicUsize,
}

/// Somebody who wants the lock.
#[derive(Debug)]
struct Waiting<'a>(&'a Live);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Live {
    /// Takes the lock from whoever has it.
    pub(super) async fn take(&self) -> OwnedMutexGuard<()> {
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _waiting = Waiting(self);
        self.kick.notify_waiters();
        Arc::clone(&self.lock).lock_owned().await
    }

    /// Returns when somebody else wants the lock, also if that was before.
    pub(super) async fn wanted(&self) {
        let mut kicked = pin!(self.kick.notified());
        kicked.as_mut().enable();
        if self.waiting.load(Ordering::SeqCst) == 0 {
            kicked.await;
        }
    }
}

/// A file without a name yet; it is removed when this is dropped.
#[derive(Debug)]
pub(super) struct Nameless {
    uploads: Arc<Uploads>,
    pub(super) name: String,
    pub(super) file: Arc<File>,
}

/// Why a file did not get its name.
#[derive(Debug)]
pub(super) enum Unnamed {
    /// A condition of the request does not hold.
    Condition,
    /// There is a directory of this name.
    Directory,
    Io(io::Error),
}

impl<E: Into<io::Error>> From<E> for Unnamed {
    fn from(error: E) -> Self {
        Self::Io(error.into())
    }
}

/// What a file has become.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) tag: Option<String>,
    pub(super) replaced: bool,
}

impl Uploads {
    pub(crate) fn new(root: &Arc<Root>) -> io::Result<Self> {
        let dir = root.make_dir(Path::new(PRIVATE))?;
        let uploads = Self { root: Arc::clone(root), dir, live: Mutex::default(), commits: Mutex::default(), next: AtomicU64::new(0) };
        uploads.sweep()?;
        Ok(uploads)
    }

    fn sweep(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(self.root.path().join(PRIVATE))?.flatten() {
            let kept = if entry.file_name().to_string_lossy().starts_with("tmp-") { LEFTOVERS_KEPT } else { UPLOADS_KEPT };
            let modified = entry.metadata().and_then(|metadata| metadata.modified());
            if modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > kept)) {
                drop(std::fs::remove_file(entry.path()));
            }
        }
        Ok(())
    }

    /// A name that no other upload has, and that cannot be guessed from others: who knows it may write.
    pub(super) fn fresh(&self) -> String {
        use std::hash::{BuildHasher, Hasher};
        // Each `RandomState` has keys of its own from the system's source of randomness.
        let word = || {
            let mut hasher = std::hash::RandomState::new().build_hasher();
            hasher.write_u64(self.next.fetch_add(1, Ordering::Relaxed));
            hasher.write_u128(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |age| age.as_nanos()));
            hasher.finish()
        };
        format!("{:016x}{:016x}", word(), word())
    }

    /// A file for a PUT or a form. Blocks.
    pub(super) fn nameless(self: &Arc<Self>) -> io::Result<Nameless> {
        let name = format!("tmp-{}", self.fresh());
        let file = Arc::new(create(&self.dir, &name)?);
        Ok(Nameless { uploads: Arc::clone(self), name, file })
    }

    pub(super) fn live(&self, id: &str) -> Arc<Live> {
        let mut live = self.lock_live();
        // Those whom nobody else knows are not busy.
        live.retain(|_, one| Arc::strong_count(one) > 1 || Arc::strong_count(&one.lock) > 1);
        Arc::clone(live.entry(id.to_owned()).or_default())
    }

    fn lock_live(&self) -> MutexGuard<'_, HashMap<String, Arc<Live>>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a file of an upload. Blocks.
    pub(super) fn create(&self, name: &str) -> io::Result<File> {
        create(&self.dir, name)
    }

    /// Opens one for reading and writing. Blocks.
    pub(super) fn open(&self, name: &str) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(File::from(rustix::fs::openat(&self.dir, name, flags, Mode::empty())?))
    }

    /// The content of a small one. Blocks.
    pub(super) fn read(&self, name: &str) -> io::Result<String> {
        let mut text = String::new();
        self.open(name)?.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Replaces a small one at once. Blocks.
    pub(super) fn write(&self, name: &str, text: &str) -> io::Result<()> {
        let fresh = format!("tmp-{}", self.fresh());
        create(&self.dir, &fresh)?.write_all(text.as_bytes())?;
        rustix::fs::renameat(&self.dir, &fresh, &self.dir, name)?;
        Ok(())
    }

    /// Removes one, if it is there. Blocks.
    pub(super) fn remove(&self, name: &str) {
        // Where it cannot be removed, the next start tries again.
        let _: Result<(), Errno> = rustix::fs::unlinkat(&self.dir, name, AtFlags::empty());
    }

    /// What is at the place now. Blocks.
    pub(super) fn validators(&self, target: &Path) -> io::Result<Option<Validators>> {
        match self.root.open(target) {
            Ok((_, metadata)) => Ok(Some(Validators::of(&metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Gives a file its name, durably, if the conditions of the headers hold. Blocks.
    pub(super) fn commit(&self, name: &str, file: &File, target: &Path, headers: &HeaderMap) -> Result<Named, Unnamed> {
        file.sync_all()?;
        let above = target.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let above = self.root.make_dir(above)?;
        let last = target.file_name().unwrap_or_default();
        let _alone = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.validators(target)?;
        if conditions::judge(false, headers, before.as_ref()) != Verdict::Go {
            return Err(Unnamed::Condition);
        }
        let only_new = headers.get("if-none-match").is_some_and(|value| value == "*");
        let flags = if only_new { RenameFlags::NOREPLACE } else { RenameFlags::empty() };
        let renamed = match rustix::fs::renameat_with(&self.dir, name, &above, last, flags) {
            // Some file systems have only the plain one; the lock keeps our own requests apart.
            Err(Errno::INVAL | Errno::NOSYS) => rustix::fs::renameat(&self.dir, name, &above, last),
            other => other,
        };
        match renamed {
            Ok(()) => {}
            Err(Errno::EXIST) if only_new => return Err(Unnamed::Condition),
            Err(Errno::ISDIR | Errno::EXIST | Errno::NOTEMPTY) => return Err(Unnamed::Directory),
            Err(error) => return Err(error.into()),
        }
        rustix::fs::fsync(above.as_fd())?;
        let tag = Validators::of(&file.metadata()?).tag;
        Ok(Named { tag, replaced: before.is_some() })
    }
}

impl Nameless {
    /// Gives it its name. Blocks.
    pub(super) fn commit(self, target: &Path, headers: &HeaderMap) -> Result<Named, Unnamed> {
        self.uploads.commit(&self.name, &self.file, target, headers)
    }
}

impl Drop for Nameless {
    fn drop(&mut self) {
        // After a commit there is nothing of this name.
        self.uploads.remove(&self.name);
    }
}
