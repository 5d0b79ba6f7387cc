//! `AsyncWriteExt`.

use std::io::{Cursor, ErrorKind, IoSlice};

use bytes::{Buf, Bytes};
use cede_io::{AsyncWriteExt, empty, sink};

use crate::script::{Accept, Fail, Pending, Script, block_on};

#[test]
fn write_writes_some() {
    block_on(async {
        let mut out = Script::writing([Accept(2), Pending, Accept(0), Fail(ErrorKind::BrokenPipe)]);
        assert_eq!(out.write(b"abc").await.unwrap(), 2);
        assert_eq!(out.write(b"c").await.unwrap(), 0);
        assert_eq!(out.write(b"c").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        assert_eq!(out.written, b"ab");
    });
}

#[test]
fn write_all_goes_on_and_reports_a_destination_that_takes_nothing() {
    block_on(async {
        let mut out = Script::writing([Accept(1), Pending, Accept(2), Fail(ErrorKind::Interrupted), Accept(1)]);
        out.write_all(b"abcdef").await.unwrap();
        assert_eq!(out.written, b"abcdef");
        let mut full = Script::writing([Accept(1), Accept(0)]);
        assert_eq!(full.write_all(b"abc").await.unwrap_err().kind(), ErrorKind::WriteZero);
        let mut fixed = [0; 2];
        let overflow = Cursor::new(&mut fixed[..]).write_all(b"abc").await.unwrap_err();
        assert_eq!((overflow.kind(), fixed), (ErrorKind::WriteZero, *b"ab"));
    });
}

#[test]
fn nothing_to_write_needs_no_write() {
    block_on(async {
        let mut refuses = Script::writing([Fail(ErrorKind::Other)]);
        refuses.write_all(b"").await.unwrap();
        refuses.write_all_buf(&mut Bytes::new()).await.unwrap();
        assert_eq!(refuses.write_buf(&mut Bytes::new()).await.unwrap(), 0);
        assert_eq!(refuses.write_calls, 0);
        assert_eq!(Vec::new().write_vectored(&[]).await.unwrap(), 0);
        assert_eq!(sink().write_vectored(&[IoSlice::new(b""), IoSlice::new(b"ab")]).await.unwrap(), 2);
        assert_eq!(empty().write_vectored(&[IoSlice::new(b""), IoSlice::new(b"ab")]).await.unwrap(), 2);
        let mut plain = Script::default();
        assert_eq!(plain.write_vectored(&[IoSlice::new(b""), IoSlice::new(b"ab")]).await.unwrap(), 2);
    });
}

#[test]
fn write_buf_advances_by_what_was_written() {
    block_on(async {
        for vectored in [false, true] {
            let mut src = Bytes::from_static(b"abc").chain(Bytes::from_static(b"def"));
            let mut out = Script { vectored, ..Script::writing([Accept(4)]) };
            let expected = if vectored { 4 } else { 3 };
            assert_eq!(out.write_buf(&mut src).await.unwrap(), expected);
            assert_eq!(src.remaining(), 6 - expected);
            assert_eq!(out.written, b"abcdef"[..expected]);
        }
    });
}

#[test]
fn a_cancelled_write_all_buf_can_be_continued() {
    let mut src = Bytes::from_static(b"abcdef");
    let mut out = Script::writing([Accept(2), Pending]);
    {
        let mut write = Box::pin(out.write_all_buf(&mut src));
        assert!(crate::script::poll_once(&mut write).is_pending());
    }
    assert_eq!(&src[..], b"cdef");
    block_on(out.write_all_buf(&mut src)).unwrap();
    assert_eq!(out.written, b"abcdef");
    src = Bytes::from_static(b"x");
    out.writes.push_back(Accept(0));
    assert_eq!(block_on(out.write_all_buf(&mut src)).unwrap_err().kind(), ErrorKind::WriteZero);
}

#[test]
fn numbers_are_written_in_both_byte_orders_and_in_pieces() {
    block_on(async {
        macro_rules! check {
            ($($write:ident, $value:expr, $to:ident;)*) => {$(
                let mut out = Script::writing([Accept(1), Pending, Accept(1)]);
                out.$write($value).await.unwrap();
                assert_eq!(out.written, $value.$to(), stringify!($write));
                let full = Script::writing([Accept(0)]).$write($value).await.unwrap_err();
                assert_eq!(full.kind(), ErrorKind::WriteZero);
            )*};
        }
        check! {
            write_u8, 0xfe_u8, to_be_bytes; write_i8, -2_i8, to_be_bytes;
            write_u16, 0xfedc_u16, to_be_bytes; write_i16, -1234_i16, to_be_bytes;
            write_u32, 0xfedc_ba98_u32, to_be_bytes; write_i32, -123_456_i32, to_be_bytes;
            write_u64, 0xfedc_ba98_7654_3210_u64, to_be_bytes; write_i64, -12_345_678_901_i64, to_be_bytes;
            write_u128, u128::MAX - 77, to_be_bytes; write_i128, i128::MIN + 77, to_be_bytes;
            write_f32, 1.25e-7_f32, to_be_bytes; write_f64, -1.25e-77_f64, to_be_bytes;
            write_u16_le, 0xfedc_u16, to_le_bytes; write_i16_le, -1234_i16, to_le_bytes;
            write_u32_le, 0xfedc_ba98_u32, to_le_bytes; write_i32_le, -123_456_i32, to_le_bytes;
            write_u64_le, 0xfedc_ba98_7654_3210_u64, to_le_bytes; write_i64_le, -12_345_678_901_i64, to_le_bytes;
            write_u128_le, u128::MAX - 77, to_le_bytes; write_i128_le, i128::MIN + 77, to_le_bytes;
            write_f32_le, 1.25e-7_f32, to_le_bytes; write_f64_le, -1.25e-77_f64, to_le_bytes;
        }
    });
}

#[test]
fn flush_and_shutdown_reach_the_destination() {
    block_on(async {
        let mut out = Script::default();
        out.flush().await.unwrap();
        Box::new(&mut out).shutdown().await.unwrap();
        assert_eq!((out.flushes, out.shutdowns), (1, 1));
    });
}
