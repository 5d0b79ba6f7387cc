//! What goes wrong on this side: files that are there, full disks, other processes.

use std::os::unix::fs::{FileExt, symlink};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cede_transfer::engine::{Check, Engine, Job, Output, Resume, Silent, Stop, Watch};
use cede_transfer::journal::Hash;
use cede_transfer::sum::Algorithm;
use cede_transfer::{Exit, IfExists};

use crate::case::Case;
use crate::origin::{Fault, Setup};

const SIZE: usize = 3_000_000;

#[test]
fn target_exists() {
    let mut case = Case::new("exists", Setup::default(), vec![]);
    case.settings.if_exists = IfExists::Error;
    std::fs::write(case.dir.join("file"), "mine").unwrap();
    let job = case.job("/file");
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let unfinished =
        runtime.block_on(Engine::new(case.settings.clone()).download(job.clone(), Arc::new(Silent), Stop::never())).unwrap_err();
    assert_eq!(unfinished.told(&job.url).1, Exit::Exists);
    assert_eq!(std::fs::read(case.dir.join("file")).unwrap(), b"mine");
    assert_eq!(case.names(), ["file"]);
}

#[test]
fn target_replaced_by_a_link() {
    let case = Case::new("link", Setup::default(), vec![]);
    std::fs::write(case.dir.join("victim"), "precious").unwrap();
    symlink("victim", case.dir.join("file.part")).unwrap();
    case.fails(Exit::Files, "file.part");
    assert_eq!(std::fs::read(case.dir.join("victim")).unwrap(), b"precious");
}

#[test]
fn directory_that_takes_no_files() {
    // Not even the administrator can make files there.
    let case = Case::new("no-files", Setup::default(), vec![]);
    let mut job = case.job("/file");
    job.output = cede_transfer::engine::Output::Named { dir: "/proc".into(), name: "file".into() };
    let ended = case.run_job(job);
    assert_eq!(ended.exit, Exit::Files, "{}", ended.said);
}

#[test]
fn two_processes_on_one_target() {
    let case = Case::new("two", Setup { speed: Some(3_000_000), ..Setup::default() }, vec![]);
    let (first, second) = (Engine::new(case.settings.clone()), Engine::new(case.settings.clone()));
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Two engines know as little of each other as two processes.
    let (one, other) = runtime.block_on(async {
        cede::join!(
            first.download(case.job("/file"), Arc::new(Silent), Stop::never()),
            second.download(case.job("/file"), Arc::new(Silent), Stop::never()),
        )
    });
    let failed = match (one, other) {
        (Ok(_), Err(unfinished)) | (Err(unfinished), Ok(_)) => unfinished,
        both => panic!("{both:?}"),
    };
    let (said, exit) = failed.told(&case.job("/file").url);
    assert_eq!(exit, Exit::Exists, "{said}");
    assert!(said.contains("another process writes to"), "{said}");
    assert!(std::fs::read(case.dir.join("file")).unwrap() == case.origin.content(0));
}

/// What a failed run leaves, the next one goes on with.
#[test]
fn next_run_goes_on() {
    let script = std::iter::once(Fault::Close(SIZE - 500_000)).chain(vec![Fault::Close(0); 6]).collect();
    let case = Case::new("next-run", Setup::default(), script);
    let ended = case.run();
    assert!(ended.said.contains("the same command goes on from there"), "{}", ended.said);
    let sent = case.origin.sent();
    case.right(0);
    assert_eq!(case.origin.sent() - sent, 500_000, "only the rest");
    assert_eq!(case.origin.asked().last().unwrap().if_range.as_deref(), Some("\"v0\""));
}

/// How many bytes of an earlier run there were.
#[derive(Default)]
struct Earlier(AtomicU64);

impl Watch for Earlier {
    fn named(&self, _: &str, _: Option<u64>) {}
    fn have(&self, _: u64) {}
    fn verifying(&self) {}
    fn note(&self, _: &str) {}
    fn resumed(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }
}

/// Also in a directory where nothing was left when it was listed, and so nobody looks any more.
#[test]
fn what_another_process_leaves_later_is_gone_on_with() {
    let script = std::iter::once(Fault::Close(SIZE - 500_000)).chain(vec![Fault::Close(0); 6]).collect();
    let case = Case::new("left-later", Setup::default(), script);
    let small = Case::new("left-later-small", Setup { size: 100, ..Setup::default() }, vec![]);
    let engine = Engine::new(case.settings.clone());
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for name in ["a", "b", "c"] {
        let output = Output::Named { dir: case.dir.clone(), name: name.to_owned() };
        runtime.block_on(engine.download(Job { output, ..small.job("/file") }, Arc::new(Silent), Stop::never())).unwrap();
    }
    // An engine of its own, which knows as little of the other as another process.
    assert!(case.run().said.contains("the same command goes on from there"));
    let watch = Arc::new(Earlier::default());
    runtime.block_on(engine.download(case.job("/file"), Arc::clone(&watch) as _, Stop::never())).unwrap();
    assert_eq!(watch.0.load(Ordering::Relaxed), (SIZE - 500_000) as u64);
    assert!(std::fs::read(case.dir.join("file")).unwrap() == case.origin.content(0));
    assert_eq!(case.names(), ["a", "b", "c", "file"]);
}

/// The checksum is in the journal, where its library can write it down.
#[test]
fn next_run_goes_on_with_the_checksum() {
    for algorithm in Algorithm::ALL {
        let script = std::iter::once(Fault::Close(SIZE - 500_000)).chain(vec![Fault::Close(0); 6]).collect();
        let mut case = Case::new("next-sum", Setup::default(), script);
        let mut hasher = algorithm.hasher();
        hasher.update(&case.origin.content(0));
        case.check = Check::Sum(hasher.finish());
        assert_ne!(case.run().exit, Exit::Done);
        let journal = std::fs::read(case.dir.join("file.part.journal")).unwrap();
        let hash = cede_transfer::journal::read(&journal).unwrap().hash;
        assert_eq!(hash.is_some(), algorithm != Algorithm::Blake3);
        assert!(hash.is_none_or(|hash| hash.algorithm == algorithm && hash.at > 0));
        case.right(0);
    }
}

/// A checksum that calls a file right has read all of it, also what an earlier run left.
#[test]
fn next_run_finds_other_bytes_than_were_left() {
    for algorithm in Algorithm::ALL {
        let script = std::iter::once(Fault::Close(SIZE - 500_000)).chain(vec![Fault::Close(0); 6]).collect();
        let mut case = Case::new("next-damaged", Setup::default(), script);
        let mut hasher = algorithm.hasher();
        hasher.update(&case.origin.content(0));
        case.check = Check::Sum(hasher.finish());
        assert_ne!(case.run().exit, Exit::Done);
        let part = std::fs::OpenOptions::new().write(true).open(case.dir.join("file.part")).unwrap();
        part.write_all_at(b"not this", 1000).unwrap();
        let ended = case.run();
        if algorithm == Algorithm::Blake3 {
            // It is seen at the end only, and speaks against every byte: the run after that fetches them anew.
            assert_eq!(ended.exit, Exit::Checksum, "{}", ended.said);
            case.right(0);
        } else {
            assert_eq!(ended.exit, Exit::Done, "{}", ended.said);
            assert!(std::fs::read(case.dir.join("file")).unwrap() == case.origin.content(0));
        }
    }
}

/// Another kind of checksum begins from the start, and a state that is nonsense does too.
#[test]
fn next_run_wants_another_checksum() {
    for is_nonsense in [false, true] {
        let script = std::iter::once(Fault::Close(SIZE - 500_000)).chain(vec![Fault::Close(0); 6]).collect();
        let mut case = Case::new("next-other-sum", Setup::default(), script);
        case.check = crate::sums::of(&case.origin.content(0));
        assert_ne!(case.run().exit, Exit::Done);
        if is_nonsense {
            let path = case.dir.join("file.part.journal");
            let mut bytes = std::fs::read(&path).unwrap();
            bytes.extend(cede_transfer::journal::hash(&Hash { algorithm: Algorithm::Sha256, at: 1000, state: vec![1, 2, 3] }));
            std::fs::write(&path, bytes).unwrap();
        } else {
            let mut hasher = Algorithm::Md5.hasher();
            hasher.update(&case.origin.content(0));
            case.check = Check::Sum(hasher.finish());
        }
        case.right(0);
    }
}

#[test]
fn next_run_has_another_url() {
    let script: Vec<Fault> = std::iter::once(Fault::Close(SIZE - 500_000)).chain(vec![Fault::Close(0); 6]).collect();
    for (resume, rest) in [(Resume::SameUrl, SIZE as u64), (Resume::AnyUrl, 500_000)] {
        let mut case = Case::new("other-url", Setup::default(), script.clone());
        case.settings.resume = resume;
        assert_ne!(case.run().exit, Exit::Done);
        let sent = case.origin.sent();
        let ended = case.run_job(case.job("/file?signature=2"));
        assert_eq!((ended.exit, case.origin.sent() - sent), (Exit::Done, rest), "{}", ended.said);
    }
}

#[test]
fn next_run_finds_another_version() {
    let script = std::iter::once(Fault::Close(SIZE - 500_000)).chain(vec![Fault::Close(0); 6]).collect();
    let case = Case::new("next-version", Setup::default(), script);
    assert_ne!(case.run().exit, Exit::Done);
    case.origin.change();
    case.right(1);
}

#[test]
fn next_run_finds_a_server_without_ranges() {
    let script = std::iter::once(Fault::Close(SIZE - 500_000)).chain(vec![Fault::Close(0); 6]).chain(vec![Fault::Whole; 9]).collect();
    let case = Case::new("next-whole", Setup::default(), script);
    assert_ne!(case.run().exit, Exit::Done);
    case.right(0);
}

#[test]
fn journal_that_is_damaged_or_foreign_is_not_believed() {
    let script: Vec<Fault> = std::iter::once(Fault::Close(SIZE - 500_000)).chain(vec![Fault::Close(0); 6]).collect();
    for damage in 0..3 {
        let case = Case::new("damaged", Setup::default(), script.clone());
        assert_ne!(case.run().exit, Exit::Done);
        let (part, journal) = (case.dir.join("file.part"), case.dir.join("file.part.journal"));
        match damage {
            // A file of the same name and size, but another one.
            0 => {
                std::fs::write(case.dir.join("other"), vec![0; SIZE - 500_000]).unwrap();
                std::fs::copy(&part, case.dir.join("copy")).unwrap();
                std::fs::rename(case.dir.join("copy"), &part).unwrap();
                std::fs::remove_file(case.dir.join("other")).unwrap();
                // It has no mark, so it is not ours.
                case.fails(Exit::Exists, "is not an unfinished download");
                continue;
            }
            1 => std::fs::write(&journal, b"nonsense").unwrap(),
            // Shorter than the journal says.
            _ => std::fs::File::options().write(true).open(&part).unwrap().set_len(1000).unwrap(),
        }
        case.right(0);
    }
}

/// Whether there is something of that name is a question to the disk, which may be far away: as long as nothing is known of it, no worker asks.
#[test]
fn a_disk_that_nobody_knows_is_not_asked_by_a_worker() {
    let case = Case::new("unknown-disk", Setup::default(), vec![]);
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (open, gate) = std::sync::mpsc::channel::<()>();
        let (reached, at_gate) = cede::sync::oneshot::channel();
        let busy = cede::task::spawn_blocking(move || {
            reached.send(()).unwrap();
            assert!(gate.recv().is_err());
        });
        at_gate.await.unwrap();
        let engine = Engine::new(case.settings.clone());
        let mut download = Box::pin(engine.download(case.job("/file"), Arc::new(Silent), Stop::never()));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(download.as_mut().poll(&mut cx).is_pending());
        // The only thread for such questions is busy, so this one waits for its turn.
        assert_eq!(cede::runtime::Handle::current().metrics().blocking_queue_depth(), 1);
        drop(open);
        busy.await.unwrap();
        download.await.unwrap();
    });
    assert!(std::fs::read(case.dir.join("file")).unwrap() == case.origin.content(0));
}

#[test]
fn limit_on_the_rate() {
    let mut case = Case::new("rate", Setup::default(), vec![]);
    case.settings.rate = Some(4_000_000);
    let start = std::time::Instant::now();
    case.right(0);
    assert!(start.elapsed().as_millis() >= 600, "{:?}", start.elapsed());
}
