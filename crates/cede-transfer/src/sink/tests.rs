//! A crowd of writers: on a disk that is quick, then slow, then quick again, where all of it is there, whoever writes; and on one that hangs, which holds up nobody else.

use std::path::Path;
use std::sync::{Condvar, mpsc};
use std::time::Duration;

use super::*;
use crate::destination::{self, Claims, Earlier, IfExists, Opened};
use crate::disk::System;

const SIZE: usize = 3 * BATCH + 1000;
const PIECE: usize = 100_000;

/// What is known about disks is the process's, so only one test at a time may teach it something.
static ALONE: Mutex<()> = Mutex::new(());

fn sink(dir: &Path, name: &str) -> Arc<Sink> {
    sink_on(&(Arc::new(System) as _), dir, name)
}

fn sink_on(disk: &Arc<dyn Disk>, dir: &Path, name: &str) -> Arc<Sink> {
    match destination::open(dir, name, IfExists::Overwrite, &Claims::default(), Earlier::Nothing, disk).unwrap() {
        Opened::Ready(destination, _) => Arc::new(Sink::on_disk(destination, Extents::default())),
        Opened::Skip(path) => panic!("{path:?}"),
    }
}

fn content(number: usize) -> Bytes {
    (0..SIZE).map(|at| ((at + number).wrapping_mul(0x9e37_79b9) >> 16) as u8).collect::<Vec<_>>().into()
}

#[test]
fn whoever_writes_all_of_it_is_there() {
    let _alone = lock(&ALONE);
    let dir = std::env::temp_dir().join(format!("cede-sink-{}", std::process::id()));
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(processors).enable_all().build().unwrap();
    runtime.block_on(async {
        let sinks: Vec<_> = (0..4 * processors).map(|number| sink(&dir, &number.to_string())).collect();
        let device = sinks[0].device().unwrap();
        for turn in 0..3 {
            let took = if turn == 1 { Duration::from_secs(1) } else { Duration::ZERO };
            (0..1000).for_each(|_| WRITES.learn(device, BATCH, took));
            let writers: Vec<_> = sinks.iter().map(|sink| Writer::new(Arc::clone(sink))).collect();
            // A single worker is left alone.
            assert_eq!(writers[0].write_at_once().is_some(), turn != 1 && processors > 1, "{turn}");
            let write = |(number, mut writer): (usize, Writer)| {
                let bytes = content(number + turn);
                cede::spawn(async move {
                    for at in (0..SIZE).step_by(PIECE) {
                        writer.push(at as u64, bytes.slice(at..SIZE.min(at + PIECE))).await.unwrap();
                    }
                    writer.finish().await.unwrap();
                })
            };
            let writing: Vec<_> = writers.into_iter().enumerate().map(write).collect();
            for one in writing {
                one.await.unwrap();
            }
            for (number, sink) in sinks.iter().enumerate() {
                assert!(sink.written().contains(0..SIZE as u64) && sink.has(0, content(number + turn)).await.unwrap(), "{turn} {number}");
            }
        }
    });
    std::fs::remove_dir_all(dir).unwrap();
}

/// A disk that hangs until it is let go.
#[derive(Debug, Default)]
struct Hanging {
    /// How many writes hang, and whether they may end.
    state: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Hanging {
    fn change(&self, change: impl FnOnce(&mut (usize, bool))) {
        change(&mut lock(&self.state));
        self.changed.notify_all();
    }

    /// Returns whether as many writes hang, which is not waited for for ever.
    fn wait_for(&self, count: usize) -> bool {
        let state = self.changed.wait_timeout_while(lock(&self.state), PATIENCE, |(hanging, _)| *hanging < count);
        state.unwrap().0.0 >= count
    }
}

impl Disk for Hanging {
    fn write_at(&self, file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
        self.change(|(hanging, _)| *hanging += 1);
        drop(self.changed.wait_while(lock(&self.state), |(_, may_end)| !*may_end).unwrap());
        file.write_all_at(bytes, at)
    }
}

/// How long something is waited for that would otherwise never come.
const PATIENCE: Duration = Duration::from_secs(60);
/// More than the runtime has threads to go on with.
const CROWD: usize = 100;

#[test]
fn a_disk_that_hangs_holds_up_nobody_else() {
    let _alone = lock(&ALONE);
    let dir = std::env::temp_dir().join(format!("cede-sink-hangs-{}", std::process::id()));
    let workers = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    let disk = Arc::new(Hanging::default());
    let (told, heard) = mpsc::channel();
    let other = sink(&dir, "other");
    let device = other.device().unwrap();
    (0..1000).for_each(|_| WRITES.learn(device, BATCH, Duration::ZERO));
    let entered = runtime.enter();
    let hangs: Arc<dyn Disk> = Arc::clone(&disk) as _;
    let write = |sink: Arc<Sink>| {
        let mut writer = Writer::new(sink);
        async move {
            writer.push(0, content(0).slice(..BATCH)).await.unwrap();
            writer.finish().await.unwrap();
        }
    };
    let crowd: Vec<_> = (0..CROWD).map(|number| write(sink_on(&hangs, &dir, &number.to_string()))).collect();
    let crowd: Vec<_> = crowd.into_iter().map(|one| runtime.spawn(one)).collect();
    let all_hang = disk.wait_for(CROWD);
    let another = write(Arc::clone(&other));
    runtime.spawn(async move {
        another.await;
        told.send(()).unwrap();
    });
    let has_ended = heard.recv_timeout(PATIENCE);
    drop(entered);
    disk.change(|(_, may_end)| *may_end = true);
    for one in crowd {
        runtime.block_on(one).unwrap();
    }
    assert!(all_hang && has_ended.is_ok() && other.written().contains(0..BATCH as u64), "{all_hang} {has_ended:?}");
    drop(std::fs::remove_dir_all(dir));
}
