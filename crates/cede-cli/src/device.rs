//! Names under which there is no file but something that takes bytes in order: `/dev/null`, `/dev/tty`, a named pipe. For `--output`, they are as good as standard output.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use cede_transfer::engine::Pipe;

/// Whether there is such a thing. A disk is none: who means that says so to a program that is made for it.
pub(crate) fn is_one(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_char_device() || metadata.file_type().is_fifo())
}

/// What writes to it. It is opened with the first bytes: to open a named pipe waits for its reader, and that is not for whoever reads the command line.
pub(crate) fn pipe(path: PathBuf) -> Pipe {
    Pipe::new(Device { path, file: None })
}

#[derive(Debug)]
struct Device {
    path: PathBuf,
    file: Option<File>,
}

impl Write for Device {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(File::options().write(true).open(&self.path)?),
        };
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
