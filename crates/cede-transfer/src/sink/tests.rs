//! A crowd of writers, on a disk that is quick, then slow, then quick again: whoever writes, all of it is there.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::destination::{self, Claims, Earlier, IfExists, Opened};
use crate::disk::System;

const SIZE: usize = 3 * BATCH + 1000;
const PIECE: usize = 100_000;

fn sink(dir: &Path, name: &str) -> Arc<Sink> {
    let disk: Arc<dyn Disk> = Arc::new(System);
    match destination::open(dir, name, IfExists::Overwrite, &Claims::default(), Earlier::Nothing, &disk).unwrap() {
        Opened::Ready(destination, _) => Arc::new(Sink::on_disk(destination, Extents::default())),
        Opened::Skip(path) => panic!("{path:?}"),
    }
}

fn content(number: usize) -> Bytes {
    (0..SIZE).map(|at| ((at + number).wrapping_mul(0x9e37_79b9) >> 16) as u8).collect::<Vec<_>>().into()
}

#[test]
fn whoever_writes_all_of_it_is_there() {
    let dir = std::env::temp_dir().join(format!("cede-sink-{}", std::process::id()));
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(processors).enable_all().build().unwrap();
    runtime.block_on(async {
        let sinks: Vec<_> = (0..4 * processors).map(|number| sink(&dir, &number.to_string())).collect();
        let device = sinks[0].device().unwrap();
        for turn in 0..3 {
            let took = if turn == 1 { Duration::from_secs(1) } else { Duration::ZERO };
            (0..1000).for_each(|_| WRITES.learn(device, BATCH, took));
            let write = |(number, sink): (usize, &Arc<Sink>)| {
                let (mut writer, bytes) = (Writer::new(Arc::clone(sink)), content(number + turn));
                cede::spawn(async move {
                    for at in (0..SIZE).step_by(PIECE) {
                        writer.push(at as u64, bytes.slice(at..SIZE.min(at + PIECE))).await.unwrap();
                    }
                    writer.finish().await.unwrap();
                })
            };
            let writing: Vec<_> = sinks.iter().enumerate().map(write).collect();
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
