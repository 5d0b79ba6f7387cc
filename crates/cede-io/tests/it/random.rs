//! Properties under random pieces, pending polls and interruptions, against plain vectors.

use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll};

use cede_io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter, copy, copy_buf, duplex};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::script::{Accept, Fail, Give, Pending, Script, Step, block_on, waker};

/// What a source does; the bytes are put in later.
fn reads() -> impl Strategy<Value = Vec<Step>> {
    vec(prop_oneof![vec(any::<u8>(), 1..40).prop_map(Give), Just(Pending), Just(Fail(ErrorKind::Interrupted))], 0..20)
}

fn writes() -> impl Strategy<Value = Vec<Step>> {
    vec(prop_oneof![(1..20_usize).prop_map(Accept), Just(Pending), Just(Fail(ErrorKind::Interrupted))], 0..30)
}

fn bytes_of(steps: &[Step]) -> Vec<u8> {
    let pieces = steps.iter().map(|step| if let Give(bytes) = step { &bytes[..] } else { &[] });
    pieces.collect::<Vec<_>>().concat()
}

/// What std says are the pieces between a byte.
fn pieces(all: &[u8], delimiter: u8) -> Vec<Vec<u8>> {
    std::io::BufRead::split(all, delimiter).map(|piece| piece.expect("memory")).collect()
}

proptest! {
    #[test]
    fn copies_are_exact(reads in reads(), writes in writes()) {
        let expected = bytes_of(&reads);
        let mut out = Script::writing(writes.clone());
        let count = block_on(copy(&mut Script::reading(reads.clone()), &mut out)).unwrap();
        prop_assert_eq!((count, &out.written), (expected.len() as u64, &expected));

        let mut out = Script::writing(writes);
        let mut source = BufReader::with_capacity(7, Script::reading(reads));
        let count = block_on(copy_buf(&mut source, &mut out)).unwrap();
        prop_assert_eq!((count, &out.written), (expected.len() as u64, &expected));
    }

    #[test]
    fn reading_to_the_end_gives_everything(reads in reads(), before in vec(any::<u8>(), 0..70)) {
        let mut all = before.clone();
        let count = block_on(Script::reading(reads.clone()).read_to_end(&mut all)).unwrap();
        prop_assert_eq!(all, [before, bytes_of(&reads)].concat());
        prop_assert_eq!(count, bytes_of(&reads).len());
    }

    #[test]
    fn a_buffered_reader_changes_nothing(reads in reads(), capacity in 1..50_usize, sizes in vec(0..60_usize, 1..10)) {
        let expected = bytes_of(&reads);
        let mut reader = BufReader::with_capacity(capacity, Script::reading(reads));
        let mut all = Vec::new();
        let mut sizes = sizes.into_iter().chain([1]).cycle();
        let mut rounds = 0;
        while all.len() < expected.len() {
            rounds += 1;
            prop_assert!(rounds < 10_000, "no progress");
            let mut buf = vec![0; sizes.next().unwrap()];
            match block_on(reader.read(&mut buf)) {
                Ok(count) => all.extend_from_slice(&buf[..count]),
                Err(err) => prop_assert_eq!(err.kind(), ErrorKind::Interrupted),
            }
        }
        prop_assert_eq!(all, expected);
    }

    #[test]
    fn segments_are_those_of_std(reads in reads(), delimiter in any::<u8>(), capacity in 1..50_usize) {
        let expected = pieces(&bytes_of(&reads), delimiter);
        let mut segments = AsyncBufReadExt::split(BufReader::with_capacity(capacity, Script::reading(reads)), delimiter);
        let mut all = Vec::new();
        while let Some(segment) = block_on(segments.next_segment()).unwrap() {
            all.push(segment);
        }
        prop_assert_eq!(all, expected);
    }

    #[test]
    fn a_buffered_writer_changes_nothing(data in vec(vec(any::<u8>(), 0..40), 0..20), writes in writes(), capacity in 0..50_usize, flush_each in 1..9_usize) {
        let mut out = BufWriter::with_capacity(capacity, Script::writing(writes));
        block_on(async {
            for (index, piece) in data.iter().enumerate() {
                out.write_all(piece).await.unwrap();
                assert!(out.buffer().len() <= capacity);
                if index % flush_each == 0 {
                    out.flush().await.unwrap();
                }
            }
            out.shutdown().await.unwrap();
        });
        prop_assert_eq!(out.into_inner().written, data.concat());
    }

    #[test]
    fn a_duplex_moves_everything_and_loses_no_wake(
        data in vec(vec(any::<u8>(), 0..40), 0..20),
        capacity in 1..30_usize,
        sizes in vec(1..40_usize, 1..10),
        order in vec(any::<bool>(), 1..50),
    ) {
        let (mut near, mut far) = duplex(capacity);
        let mut all = Vec::new();
        let write = Box::pin(async {
            for piece in &data {
                near.write_all(piece).await.unwrap();
            }
            near.shutdown().await.unwrap();
        });
        let mut sizes = sizes.into_iter().cycle();
        let read = Box::pin(async {
            loop {
                let mut buf = vec![0; sizes.next().unwrap()];
                match far.read(&mut buf).await.unwrap() {
                    0 => break,
                    count => all.extend_from_slice(&buf[..count]),
                }
            }
        });
        run_both(write, read, order);
        prop_assert_eq!(all, data.concat());
    }
}

/// Polls two tasks in the given order, each only if it was woken.
fn run_both<'a>(a: Pin<Box<dyn Future<Output = ()> + 'a>>, b: Pin<Box<dyn Future<Output = ()> + 'a>>, order: Vec<bool>) {
    let mut tasks = [a, b].map(|task| (Some(task), waker(), 0));
    let mut order = order.into_iter().cycle();
    let mut first = true;
    while tasks.iter().any(|(task, ..)| task.is_some()) {
        let mut ran = first;
        first = false;
        let start = usize::from(order.next().expect("it is a cycle"));
        for index in [start, 1 - start] {
            let (slot, (wakes, waker), seen) = &mut tasks[index];
            let Some(task) = slot else { continue };
            // The first poll needs no wake.
            if *seen > wakes.count() {
                continue;
            }
            *seen = wakes.count() + 1;
            ran = true;
            if let Poll::Ready(()) = task.as_mut().poll(&mut Context::from_waker(waker)) {
                *slot = None;
            }
        }
        assert!(ran, "both wait, and nobody was woken");
    }
}
