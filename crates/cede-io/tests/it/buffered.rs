//! `BufReader`, `BufWriter`, `BufStream`, and `AsyncBufReadExt`.

use std::io::{self, Cursor, ErrorKind, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use cede_io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWriteExt, BufReader, BufStream, BufWriter, ReadBuf};

use crate::script::{Accept, Fail, Give, Pending, Script, block_on};

#[test]
fn a_large_read_goes_by_an_empty_buffer_only() {
    block_on(async {
        let mut reader = BufReader::with_capacity(4, &b"abcdefghij"[..]);
        assert_eq!(reader.read(&mut [0; 2]).await.unwrap(), 2);
        assert_eq!(reader.buffer(), b"cd");
        let mut buf = [0; 8];
        assert_eq!(reader.read(&mut buf).await.unwrap(), 2);
        assert_eq!(reader.read(&mut buf).await.unwrap(), 6);
        assert_eq!(&buf[..6], b"efghij");
        assert_eq!(format!("{reader:?}"), "BufReader { reader: [], buffer: 0/4 }");
    });
}

#[test]
fn fill_buf_and_consume() {
    block_on(async {
        let mut reader = BufReader::with_capacity(3, Script::trickle(b"ab"));
        assert_eq!(reader.fill_buf().await.unwrap(), b"a");
        assert_eq!(reader.fill_buf().await.unwrap(), b"a");
        // More than there is takes what there is.
        reader.consume(usize::MAX);
        assert_eq!(reader.fill_buf().await.unwrap(), b"b");
        reader.consume(1);
        assert_eq!(reader.fill_buf().await.unwrap(), b"");
        assert_eq!(reader.into_inner().reads.len(), 0);
    });
}

#[test]
fn read_until_goes_over_pieces_and_survives_cancellation() {
    let mut reader = BufReader::new(Script::trickle(b"ab;c"));
    let mut buf = Vec::new();
    {
        let mut read = Box::pin(reader.read_until(b';', &mut buf));
        assert!(crate::script::poll_once(&mut read).is_pending());
        assert!(crate::script::poll_once(&mut read).is_pending());
    }
    assert_eq!(buf, b"a");
    block_on(async {
        assert_eq!(reader.read_until(b';', &mut buf).await.unwrap(), 2);
        assert_eq!(reader.read_until(b';', &mut buf).await.unwrap(), 1);
        assert_eq!(buf, b"ab;c");
        assert_eq!(reader.read_until(b';', &mut buf).await.unwrap(), 0);
    });
}

#[test]
fn read_line_keeps_the_string_utf8_whatever_happens() {
    block_on(async {
        let mut text = String::from(">");
        let mut reader = BufReader::new(Script::trickle("ä\r\nb".as_bytes()));
        assert_eq!(reader.read_line(&mut text).await.unwrap(), 4);
        assert_eq!(reader.read_line(&mut text).await.unwrap(), 1);
        assert_eq!(reader.read_line(&mut text).await.unwrap(), 0);
        assert_eq!(text, ">ä\r\nb");

        let mut invalid = &b"\xff\nok\n"[..];
        assert_eq!(invalid.read_line(&mut text).await.unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(text, ">ä\r\nb");
        invalid.read_line(&mut text).await.unwrap();
        assert_eq!(text, ">ä\r\nbok\n");

        let mut broken = BufReader::new(Script::reading([Give(b"part".to_vec()), Fail(ErrorKind::Other)]));
        assert_eq!(broken.read_line(&mut text).await.unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(text, ">ä\r\nbok\npart");
        let mut half_a_character = BufReader::new(Script::reading([Give(b"\xc3".to_vec()), Fail(ErrorKind::Other)]));
        assert_eq!(half_a_character.read_line(&mut text).await.unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(text, ">ä\r\nbok\npart");
    });
}

#[test]
fn lines_end_with_line_feed_or_both() {
    block_on(async {
        let mut lines = BufReader::new(Script::trickle(b"a\r\n\nb\rc\n\r\n\rend\r")).lines();
        for expected in ["a", "", "b\rc", "", "\rend\r"] {
            assert_eq!(lines.next_line().await.unwrap().as_deref(), Some(expected));
        }
        assert_eq!(lines.next_line().await.unwrap(), None);
        assert_eq!(lines.next_line().await.unwrap(), None);
    });
}

#[test]
fn lines_go_on_after_errors() {
    block_on(async {
        let source = Script::reading([Give(b"on".to_vec()), Fail(ErrorKind::TimedOut), Give(b"e\n\xff\ntwo".to_vec())]);
        let mut lines = BufReader::new(source).lines();
        assert_eq!(lines.next_line().await.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("one"));
        assert_eq!(lines.next_line().await.unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("two"));
        assert_eq!(lines.next_line().await.unwrap(), None);
    });
}

#[test]
fn segments_have_no_delimiter_and_may_be_empty() {
    block_on(async {
        let mut segments = AsyncBufReadExt::split(BufReader::new(Script::trickle(b"a,,b")), b',');
        for expected in [&b"a"[..], b"", b"b"] {
            assert_eq!(segments.next_segment().await.unwrap().as_deref(), Some(expected));
        }
        assert_eq!(segments.next_segment().await.unwrap(), None);
        assert_eq!(AsyncBufReadExt::split(&b","[..], b',').next_segment().await.unwrap().as_deref(), Some(&b""[..]));
    });
}

#[test]
#[should_panic(expected = "greater than zero")]
fn a_reader_without_a_buffer_is_refused() {
    let _ = BufReader::with_capacity(0, &b""[..]);
}

#[test]
fn small_writes_are_collected_and_large_ones_go_by() {
    block_on(async {
        let mut out = BufWriter::with_capacity(4, Script::default());
        out.write_all(b"abc").await.unwrap();
        assert_eq!((out.buffer(), out.get_ref().write_calls), (&b"abc"[..], 0));
        out.write_all(b"de").await.unwrap();
        assert_eq!((out.buffer(), out.get_ref().written.as_slice()), (&b"de"[..], &b"abc"[..]));
        out.write_all(b"fghij").await.unwrap();
        assert_eq!((out.buffer(), out.get_ref().written.as_slice()), (&b""[..], &b"abcdefghij"[..]));
        out.write_all(b"k").await.unwrap();
        out.shutdown().await.unwrap();
        assert_eq!((out.get_ref().written.as_slice(), out.get_ref().shutdowns), (&b"abcdefghijk"[..], 1));
    });
}

#[test]
fn a_flush_that_fails_or_is_cancelled_loses_and_repeats_nothing() {
    let script = Script::writing([Accept(1), Pending, Accept(1), Fail(ErrorKind::Other), Accept(1), Accept(0)]);
    let mut out = BufWriter::with_capacity(8, script);
    block_on(out.write_all(b"abcdef")).unwrap();
    {
        let mut flush = Box::pin(out.flush());
        assert!(crate::script::poll_once(&mut flush).is_pending());
    }
    assert_eq!(out.buffer(), b"bcdef");
    block_on(async {
        out.write_all(b"g").await.unwrap();
        assert_eq!(out.flush().await.unwrap_err().kind(), ErrorKind::Other);
        assert_eq!(out.buffer(), b"cdefg");
        assert_eq!(out.flush().await.unwrap_err().kind(), ErrorKind::WriteZero);
        assert_eq!(out.buffer(), b"defg");
        out.flush().await.unwrap();
        assert_eq!(out.into_inner().written, b"abcdefg");
    });
}

#[test]
fn vectored_writes_through_a_buffer() {
    let slices = [IoSlice::new(b""), IoSlice::new(b"ab"), IoSlice::new(b"c"), IoSlice::new(b"defghi")];
    block_on(async {
        for (vectored, expected) in [(false, 3), (true, 9)] {
            let mut out = BufWriter::with_capacity(8, Script { vectored, ..Script::default() });
            assert_eq!(out.write_vectored(&slices).await.unwrap(), expected);
            assert_eq!(out.write_vectored(&[IoSlice::new(b"")]).await.unwrap(), 0);
            out.flush().await.unwrap();
            assert_eq!(out.get_ref().written, b"abcdefghi"[..expected]);
        }
    });
}

#[test]
fn seeking_gives_up_what_was_read_and_keeps_what_was_written() {
    block_on(async {
        let mut reader = BufReader::with_capacity(4, Cursor::new(b"0123456789"));
        assert_eq!(reader.read_u8().await.unwrap(), b'0');
        // The source is at 4, the reader at 1.
        assert_eq!(reader.seek(SeekFrom::Current(2)).await.unwrap(), 3);
        assert_eq!(reader.read_u8().await.unwrap(), b'3');
        assert_eq!(reader.seek(SeekFrom::End(-1)).await.unwrap(), 9);
        assert_eq!(reader.read_u8().await.unwrap(), b'9');

        let mut writer = BufWriter::new(Cursor::new(vec![b'.'; 6]));
        writer.write_all(b"ab").await.unwrap();
        assert_eq!(writer.seek(SeekFrom::Start(4)).await.unwrap(), 4);
        writer.write_all(b"yz").await.unwrap();
        writer.flush().await.unwrap();
        assert_eq!(writer.into_inner().into_inner(), b"ab..yz");
    });
}

/// A source that logs where it is moved, each move taking one `Pending`.
#[derive(Default)]
struct Moves {
    asked: Vec<SeekFrom>,
    pending: bool,
}

impl AsyncRead for Moves {
    fn poll_read(self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        buf.put_slice(b"abcd");
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for Moves {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        self.asked.push(position);
        self.pending = true;
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if std::mem::take(&mut self.pending) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Ok(0))
    }
}

#[test]
fn a_move_that_overflows_is_made_in_two() {
    block_on(async {
        let mut reader = BufReader::new(Moves::default());
        reader.read_u8().await.unwrap();
        reader.seek(SeekFrom::Current(i64::MIN)).await.unwrap();
        assert_eq!(reader.get_ref().asked, [SeekFrom::Current(-3), SeekFrom::Current(i64::MIN)]);
        assert_eq!(reader.buffer(), b"");
        reader.read_u8().await.unwrap();
        reader.seek(SeekFrom::Current(5)).await.unwrap();
        assert_eq!(reader.get_ref().asked[2..], [SeekFrom::Current(2)]);
    });
}

#[test]
fn a_stream_can_be_turned_inside_out_with_its_buffers() {
    block_on(async {
        let stream = Script::reading([Give(b"abc".to_vec())]);
        let mut inside_out = BufWriter::new(BufReader::new(stream));
        assert_eq!(inside_out.read_u8().await.unwrap(), b'a');
        inside_out.write_all(b"xyz").await.unwrap();
        let mut stream = BufStream::from(inside_out);
        assert_eq!(stream.fill_buf().await.unwrap(), b"bc");
        stream.flush().await.unwrap();
        assert_eq!(stream.get_ref().written, b"xyz");
    });
}
