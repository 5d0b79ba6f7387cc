//! Names under which there is no file but something that takes bytes in order: `/dev/null`, `/dev/tty`, a named pipe. For `--output`, they are as good as standard output.
//! And names that are those of this process's own standard streams, such as `/dev/stdout`: what is said of `-` is true of them too, so whoever asks about `-` asks here.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cede_transfer::engine::Pipe;
use rustix::fs::{FileType, OFlags};

use crate::closed::why_no_stdout;

/// How many links lead to a name at most.
const LINKS: usize = 40;
/// The directories of a process's own descriptors.
const OWN: [&str; 3] = ["/proc/self/fd", "/proc/thread-self/fd", "/dev/fd"];

/// Whether what is written to this name goes to standard output, and so between what else is printed there.
pub(crate) fn is_stdout(path: &Path) -> bool {
    path == Path::new("-") || descriptor(path) == Some(1) || is_same_as_stdout(path)
}

/// Whether what is read from this name comes from standard input.
pub(crate) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-") || descriptor(path) == Some(0)
}

/// Whether this is another descriptor's name, with a file behind it. Such a name is a link, and a file would take the link's place.
pub(crate) fn is_open_file(path: &Path) -> bool {
    descriptor(path).is_some() && !is_one(path)
}

/// The descriptor of this process that a name leads to, perhaps by way of links.
fn descriptor(path: &Path) -> Option<u32> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let (dir, name) = (path.parent()?, path.file_name()?);
        let dir = if dir == Path::new("") { Path::new(".") } else { dir }.canonicalize().ok()?;
        if OWN.iter().any(|own| Path::new(own).canonicalize().is_ok_and(|own| own == dir)) {
            return name.to_str()?.parse().ok();
        }
        path = dir.join(std::fs::read_link(dir.join(name)).ok()?);
    }
    None
}

/// Whether it is the named pipe or the terminal that standard output is by another name. A null device is not that: nothing can get between anything there. Nor is
/// what took the place of a stream that was closed.
fn is_same_as_stdout(path: &Path) -> bool {
    let out = io::stdout();
    let (Ok(there), Ok(here)) = (rustix::fs::stat(path), rustix::fs::fstat(&out)) else { return false };
    let is_same = (there.st_dev, there.st_ino) == (here.st_dev, here.st_ino);
    is_same && why_no_stdout().is_none() && (FileType::from_raw_mode(here.st_mode) == FileType::Fifo || out.is_terminal())
}

/// Whether there is such a thing. A disk is none: who means that says so to a program that is made for it.
pub(crate) fn is_one(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_char_device() || metadata.file_type().is_fifo())
}

/// What writes to it. It is opened with the first bytes, or when it is flushed: to open a named pipe waits for its reader, and that is not for whoever reads the
/// command line. A reader waits, too, until it is opened; so that it sees the end of what has no bytes, that is flushed once, and where nothing comes at all, because the
/// download fails or is ended before its first byte, a named pipe is opened and closed for whoever waits for it by then.
pub(crate) fn pipe(path: PathBuf) -> Pipe {
    let name = path.to_string_lossy().into_owned();
    Pipe::new(Device { path, file: None }).called(&name)
}

/// What has its name and lets it be, for those who only say what they would do. Whoever reads there goes on waiting.
pub(crate) fn untouched(path: &Path) -> Pipe {
    Pipe::new(io::sink()).called(&path.to_string_lossy())
}

#[derive(Debug)]
struct Device {
    path: PathBuf,
    file: Option<File>,
}

impl Device {
    fn file(&mut self) -> io::Result<&mut File> {
        let file = match self.file.take() {
            Some(file) => file,
            None => File::options().write(true).open(&self.path)?,
        };
        Ok(self.file.insert(file))
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let is_fifo = || std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.file_type().is_fifo());
        if self.file.is_none() && is_fifo() {
            // Fails where nobody reads, and then nobody waits.
            let flags = OFlags::NONBLOCK.bits().cast_signed();
            drop(File::options().write(true).custom_flags(flags).open(&self.path));
        }
    }
}

impl Write for Device {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file()?.flush()
    }
}
