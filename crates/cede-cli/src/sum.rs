//! `cede sum`: checksums, and with `--pieces` the list beside each file by which it can be mended.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use cede_transfer::manifest::{self, Manifest, Pieces};
use cede_transfer::sum::{Algorithm, Hasher, Sum};
use cede_transfer::{Exit, Failure, printable};
use url::Url;

use crate::cli::SumArgs;
use crate::closed::why_no_stdin;
use crate::device::is_stdin;
use crate::out::print;
use crate::plan::parse;
use crate::progress::lines::say;

/// How much is read at a time.
const READ: usize = 256 * 1024;

/// Runs the command: as many files at a time as there are processors, told in order.
pub(crate) fn run(args: &SumArgs) -> Exit {
    let urls = match args.url.iter().map(|url| parse(url)).collect::<Result<Vec<_>, _>>() {
        Ok(urls) if urls.is_empty() || args.files.len() == 1 => urls,
        Ok(_) => {
            say("error: --url is for one file, but there are several");
            return Exit::Usage;
        }
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            return Exit::Usage;
        }
    };
    let runtime = match crate::start::small() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let (algorithm, piece) = (args.algorithm, args.pieces);
    runtime.block_on(async {
        let jobs: Vec<_> = args
            .files
            .iter()
            .map(|path| {
                let (opened, urls) = (path.clone(), urls.clone());
                (path, cede::compute::spawn(move |_| one(&opened, algorithm, piece, urls)))
            })
            .collect();
        let mut codes = Vec::new();
        for (path, job) in jobs {
            let shown = printable(&path.to_string_lossy());
            codes.push(match job.await.unwrap_or_else(|error| Err(Failure::new(Exit::Failed, error.to_string()))) {
                Ok((sum, list)) => {
                    print(format!("{sum}  {shown}\n"));
                    if let Some(list) = list {
                        say(&format!("wrote {}", printable(&list.to_string_lossy())));
                    }
                    Exit::Done
                }
                Err(failure) => {
                    say(&format!("failed {shown}: {failure}"));
                    failure.exit()
                }
            });
        }
        Exit::of_all(codes)
    })
}

/// The checksum of one file, and the list of its pieces if one was written.
fn one(path: &Path, algorithm: Algorithm, piece: Option<u64>, urls: Vec<Url>) -> Result<(Sum, Option<PathBuf>), Failure> {
    let Some(piece) = piece else { return Ok((sum_of(path, algorithm)?, None)) };
    if is_stdin(path) {
        return Err(Failure::new(Exit::Usage, "a list of pieces is written beside its file, and standard input has no place"));
    }
    // Neither is what is there only once to be mended, nor is a list of it wanted.
    if !std::fs::metadata(path).map_err(|error| Failure::of_file("read", path, &error))?.is_file() {
        return Err(Failure::new(Exit::Files, format!("{} is not a file", printable(&path.to_string_lossy()))));
    }
    let could_not = |error: io::Error| Failure::of_file("read", path, &error);
    let mut file = File::open(path).map_err(could_not)?;
    let (mut whole, mut values, mut size) = (algorithm.hasher(), Vec::new(), 0_u64);
    let mut buffer = vec![0; READ];
    loop {
        let (mut hasher, mut length) = (algorithm.hasher(), 0_u64);
        while length < piece {
            let room = buffer.len().min(usize::try_from(piece - length).unwrap_or(usize::MAX));
            match file.read(&mut buffer[..room]) {
                Ok(0) => break,
                Ok(count) => {
                    whole.update(&buffer[..count]);
                    hasher.update(&buffer[..count]);
                    length += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(could_not(error)),
            }
        }
        if length > 0 {
            values.push(hasher.finish().value);
            size += length;
        }
        if length < piece {
            break;
        }
    }
    let sum = whole.finish();
    let pieces = Pieces::new(size, piece, algorithm, values).map_err(|why| Failure::new(Exit::Failed, why))?;
    let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let manifest = Manifest { name, size: Some(size), sums: vec![sum.clone()], pieces: Some(pieces), urls };
    let list = beside(path, manifest::SUFFIX);
    write(&list, &manifest.to_text().unwrap_or_default()).map_err(|error| Failure::of_file("write", &list, &error))?;
    Ok((sum, Some(list)))
}

/// The checksum of a file, or of what comes from standard input.
pub(crate) fn sum_of(path: &Path, algorithm: Algorithm) -> Result<Sum, Failure> {
    if !is_stdin(path) {
        return cede_transfer::sum_of(path, algorithm);
    }
    let mut hasher = algorithm.hasher();
    io::copy(&mut stdin()?, &mut Updates(&mut hasher)).map_err(|error| Failure::of_file("read", path, &error))?;
    Ok(hasher.finish())
}

/// Standard input as the system has it, if anything can come from there.
pub(crate) fn stdin() -> Result<File, Failure> {
    if let Some(why) = why_no_stdin() {
        return Err(Failure::new(Exit::Files, format!("standard input is to be read, but that {why}")));
    }
    let own = io::stdin().as_fd().try_clone_to_owned();
    own.map(File::from).map_err(|error| Failure::new(Exit::Files, format!("could not read standard input: {error}")))
}

/// What is written is summed up.
struct Updates<'a>(&'a mut Hasher);

impl io::Write for Updates<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Half a list must not pass for one, so it gets its name when it is complete.
fn write(list: &Path, text: &str) -> io::Result<()> {
    let new = beside(list, ".new");
    std::fs::write(&new, text)?;
    std::fs::rename(new, list)
}

/// The path with more at its end.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}
