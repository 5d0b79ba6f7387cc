//! `AsyncReadExt`, `AsyncSeekExt`, `Take` and `Chain`.

use std::io::{Cursor, ErrorKind, SeekFrom};
use std::mem::MaybeUninit;

use bytes::{BufMut, BytesMut};
use cede_io::{AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, ReadBuf, empty, repeat};

use crate::script::{Fail, Give, Pending, Script, block_on};

#[test]
fn read_gives_what_is_there_and_passes_errors_on() {
    let mut source = Script::reading([Give(b"abc".to_vec()), Pending, Fail(ErrorKind::ConnectionReset), Give(b"d".to_vec())]);
    block_on(async {
        let mut buf = [0; 2];
        assert_eq!(source.read(&mut buf).await.unwrap(), 2);
        assert_eq!(&buf, b"ab");
        assert_eq!(source.read(&mut buf).await.unwrap(), 1);
        assert_eq!(source.read(&mut buf).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(source.read(&mut buf).await.unwrap(), 1);
        assert_eq!(source.read(&mut buf).await.unwrap(), 0);
    });
}

#[test]
fn a_read_into_nothing_is_no_end() {
    block_on(async {
        let mut both = (&b"a"[..]).chain(&b"b"[..]);
        assert_eq!(both.read(&mut []).await.unwrap(), 0);
        let mut all = Vec::new();
        both.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"ab");

        let mut buffered = cede_io::BufReader::new(Script::reading([Fail(ErrorKind::Other)]));
        assert_eq!(buffered.read(&mut []).await.unwrap(), 0);
        assert_eq!((&b""[..]).read_exact(&mut []).await.unwrap(), 0);
    });
}

#[test]
fn read_buf_appends_and_stops_at_a_full_buffer() {
    block_on(async {
        let mut source = Script::reading([Give(b"hello".to_vec()), Give(b"world".to_vec())]);
        let mut buf = BytesMut::from(&b">"[..]).limit(4);
        assert_eq!(source.read_buf(&mut buf).await.unwrap(), 4);
        assert_eq!(source.read_buf(&mut buf).await.unwrap(), 0);
        let mut vec = Vec::new();
        assert_eq!(source.read_buf(&mut vec).await.unwrap(), 1);
        assert_eq!(source.read_buf(&mut vec).await.unwrap(), 5);
        assert_eq!(vec, b"oworld");
        assert_eq!(buf.into_inner(), b">hell"[..]);
    });
}

#[test]
fn read_exact_collects_and_reports_an_early_end() {
    block_on(async {
        let mut buf = [0; 4];
        assert_eq!(Script::trickle(b"abcde").read_exact(&mut buf).await.unwrap(), 4);
        assert_eq!(&buf, b"abcd");
        let early = Script::trickle(b"abc").read_exact(&mut buf).await.unwrap_err();
        assert_eq!(early.kind(), ErrorKind::UnexpectedEof);
        let mut interrupted = Script::reading([Give(b"ab".to_vec()), Fail(ErrorKind::Interrupted), Give(b"cd".to_vec())]);
        interrupted.read_exact(&mut buf).await.unwrap();
        let mut broken = Script::reading([Give(b"ab".to_vec()), Fail(ErrorKind::BrokenPipe)]);
        assert_eq!(broken.read_exact(&mut buf).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn numbers_are_read_in_both_byte_orders_and_in_pieces() {
    let bytes: Vec<u8> = (1..=16).collect();
    block_on(async {
        macro_rules! check {
            ($($read:ident, $type:ty, $from:ident;)*) => {$(
                let expected = <$type>::$from(bytes[..size_of::<$type>()].try_into().unwrap());
                assert_eq!(Script::trickle(&bytes).$read().await.unwrap(), expected, stringify!($read));
                let short = &bytes[..size_of::<$type>() - 1];
                assert_eq!(Script::trickle(short).$read().await.unwrap_err().kind(), ErrorKind::UnexpectedEof);
            )*};
        }
        check! {
            read_u8, u8, from_be_bytes; read_i8, i8, from_be_bytes;
            read_u16, u16, from_be_bytes; read_i16, i16, from_be_bytes;
            read_u32, u32, from_be_bytes; read_i32, i32, from_be_bytes;
            read_u64, u64, from_be_bytes; read_i64, i64, from_be_bytes;
            read_u128, u128, from_be_bytes; read_i128, i128, from_be_bytes;
            read_f32, f32, from_be_bytes; read_f64, f64, from_be_bytes;
            read_u16_le, u16, from_le_bytes; read_i16_le, i16, from_le_bytes;
            read_u32_le, u32, from_le_bytes; read_i32_le, i32, from_le_bytes;
            read_u64_le, u64, from_le_bytes; read_i64_le, i64, from_le_bytes;
            read_u128_le, u128, from_le_bytes; read_i128_le, i128, from_le_bytes;
            read_f32_le, f32, from_le_bytes; read_f64_le, f64, from_le_bytes;
        }
        assert_eq!((&[0xff_u8][..]).read_i8().await.unwrap(), -1);
    });
}

#[test]
fn read_to_end_appends_and_keeps_what_came_before_an_error() {
    block_on(async {
        let mut all = b">".to_vec();
        assert_eq!(Script::trickle(&[7; 100]).read_to_end(&mut all).await.unwrap(), 100);
        assert_eq!(all.len(), 101);

        let mut source = Script::reading([Give(b"ab".to_vec()), Fail(ErrorKind::Interrupted), Give(b"c".to_vec()), Fail(ErrorKind::Other)]);
        let mut all = Vec::new();
        assert_eq!(source.read_to_end(&mut all).await.unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(all, b"abc");
    });
}

#[test]
fn read_to_end_does_not_grow_a_vector_that_is_just_large_enough() {
    block_on(async {
        let data = vec![3; 1000];
        let mut exact = Vec::with_capacity(1000);
        let capacity = exact.capacity();
        assert_eq!((&data[..]).read_to_end(&mut exact).await.unwrap(), 1000);
        assert_eq!(exact, data);
        assert_eq!(exact.capacity(), capacity);

        let mut large = Vec::new();
        let data: Vec<u8> = (0..1_000_000_u32).map(|n| n as u8).collect();
        (&data[..]).read_to_end(&mut large).await.unwrap();
        assert_eq!(large, data);
        assert!(large.capacity() < 4_000_000);
    });
}

#[test]
fn a_cancelled_read_to_end_keeps_its_bytes() {
    let mut source = Script::reading([Give(b"ab".to_vec()), Pending, Give(b"c".to_vec())]);
    let mut all = Vec::new();
    {
        let mut read = Box::pin(source.read_to_end(&mut all));
        assert!(crate::script::poll_once(&mut read).is_pending());
    }
    assert_eq!(all, b"ab");
}

#[test]
fn read_to_string_leaves_the_string_alone_on_failure() {
    block_on(async {
        let mut text = String::from("before ");
        assert_eq!(Script::trickle("grün".as_bytes()).read_to_string(&mut text).await.unwrap(), 5);
        assert_eq!(text, "before grün");
        let invalid = (&b"ab\xff"[..]).read_to_string(&mut text).await.unwrap_err();
        assert_eq!(invalid.kind(), ErrorKind::InvalidData);
        assert_eq!(text, "before grün");
        let mut broken = Script::reading([Give(b"more".to_vec()), Fail(ErrorKind::BrokenPipe)]);
        assert_eq!(broken.read_to_string(&mut text).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(text, "before grün");
    });
}

#[test]
fn take_ends_at_its_limit_and_counts_what_is_consumed() {
    block_on(async {
        let mut start = Script::trickle(b"abcdef").take(4);
        let mut all = Vec::new();
        assert_eq!(start.read_to_end(&mut all).await.unwrap(), 4);
        assert_eq!((all.as_slice(), start.limit()), (&b"abcd"[..], 0));
        start.set_limit(1);
        assert_eq!(start.read_u8().await.unwrap(), b'e');
        let mut all_of_it = repeat(1).take(u64::MAX);
        assert_eq!(all_of_it.read(&mut [0; 10]).await.unwrap(), 10);
        assert_eq!(all_of_it.limit(), u64::MAX - 10);

        let mut buffered = (&b"abcdef"[..]).take(3);
        assert_eq!(buffered.fill_buf().await.unwrap(), b"abc");
        buffered.consume(2);
        assert_eq!(buffered.limit(), 1);
        assert_eq!(buffered.fill_buf().await.unwrap(), b"c");
        buffered.consume(1);
        assert_eq!(buffered.fill_buf().await.unwrap(), b"");
        assert_eq!(buffered.into_inner(), b"def");
    });
}

#[test]
fn take_tells_the_outer_buffer_what_was_initialized() {
    let mut memory = [MaybeUninit::uninit(); 8];
    let mut buf = ReadBuf::uninit(&mut memory);
    {
        let mut part = buf.take(4);
        part.initialize_unfilled();
        part.advance(4);
        assert_eq!(part.filled(), [0; 4]);
    }
    // What `take` lends is not filled in the whole.
    assert_eq!(buf.filled().len(), 0);
    block_on(async {
        let mut source = repeat(9).take(3);
        std::future::poll_fn(|cx| cede_io::AsyncRead::poll_read(std::pin::Pin::new(&mut source), cx, &mut buf)).await.unwrap();
    });
    assert_eq!(buf.filled(), [9; 3]);
    assert_eq!(buf.initialized().len(), 3);
}

#[test]
fn chain_goes_on_with_the_second_in_both_ways_of_reading() {
    block_on(async {
        let mut all = String::new();
        Script::trickle(b"one ").chain(Script::trickle(b"two")).read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "one two");
        let mut lines = (&b"a\nb"[..]).chain(&b"c\nd"[..]).lines();
        let mut all = Vec::new();
        while let Some(line) = lines.next_line().await.unwrap() {
            all.push(line);
        }
        assert_eq!(all, ["a", "bc", "d"]);
    });
}

#[test]
fn cursors_read_and_seek_within_and_beyond_their_bytes() {
    block_on(async {
        let mut cursor = Cursor::new(b"0123456789");
        assert_eq!(cursor.seek(SeekFrom::Start(20)).await.unwrap(), 20);
        assert_eq!(cursor.read(&mut [0; 4]).await.unwrap(), 0);
        assert_eq!(cursor.stream_position().await.unwrap(), 20);
        assert_eq!(cursor.seek(SeekFrom::Current(-12)).await.unwrap(), 8);
        let mut rest = Vec::new();
        cursor.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"89");
        assert!(cursor.seek(SeekFrom::End(-11)).await.is_err());
        cursor.rewind().await.unwrap();
        assert_eq!(cursor.read_u8().await.unwrap(), b'0');
        cursor.set_position(u64::MAX);
        assert_eq!(cursor.read(&mut [0; 4]).await.unwrap(), 0);
    });
}

#[test]
fn a_read_buf_keeps_its_three_regions_apart() {
    let mut memory = [MaybeUninit::uninit(); 8];
    let mut buf = ReadBuf::uninit(&mut memory);
    assert_eq!((buf.capacity(), buf.remaining(), buf.initialized().len()), (8, 8, 0));
    buf.put_slice(b"ab");
    assert_eq!(buf.initialize_unfilled_to(3), [0; 3]);
    assert_eq!((buf.filled(), buf.initialized().len()), (&b"ab"[..], 5));
    buf.initialize_unfilled()[0] = b'c';
    buf.advance(1);
    assert_eq!(buf.filled(), b"abc");
    buf.filled_mut()[0] = b'x';
    buf.initialized_mut()[7] = b'y';
    buf.clear();
    assert_eq!((buf.filled(), buf.initialized().len()), (&b""[..], 8));
    buf.set_filled(8);
    assert_eq!(buf.filled(), b"xbc\0\0\0\0y");
    buf.put_slice(b"");
    assert_eq!(format!("{buf:?}"), "ReadBuf { filled: 8, initialized: 8, capacity: 8 }");
}

#[test]
#[should_panic(expected = "only 1 remain")]
fn a_read_buf_takes_no_slice_that_does_not_fit() {
    ReadBuf::new(&mut [0]).put_slice(b"ab");
}

#[test]
#[should_panic(expected = "only 2 are initialized")]
fn a_read_buf_cannot_be_filled_beyond_what_is_initialized() {
    let mut memory = [MaybeUninit::uninit(); 8];
    let mut buf = ReadBuf::uninit(&mut memory);
    buf.initialize_unfilled_to(2);
    buf.advance(3);
}

#[test]
fn a_read_buf_is_a_buf_mut() {
    let mut memory = [0; 4];
    let mut buf = ReadBuf::new(&mut memory);
    buf.put_u16(0x0102);
    assert_eq!(buf.remaining_mut(), 2);
    assert_eq!(buf.filled(), [1, 2]);
}

#[test]
fn in_memory_leaves_spend_the_budget() {
    use cede_context::budget;
    use std::task::{Context, Poll, Waker};
    let mut cx = Context::from_waker(Waker::noop());
    budget::with_initial(|| {
        let mut reads = 0;
        loop {
            let mut buf = [0; 1];
            let mut read = Box::pin(async { empty().read(&mut buf).await });
            match read.as_mut().poll(&mut cx) {
                Poll::Ready(count) => assert_eq!(count.unwrap(), 0),
                Poll::Pending => break,
            }
            reads += 1;
            assert!(reads <= 1000, "never cedes");
        }
        assert_eq!(reads, usize::from(budget::INITIAL));
    });
}
