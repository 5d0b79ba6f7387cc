//! Codecs: how bytes may be cut, limits, errors.

use std::io;

use bytes::{Bytes, BytesMut};
use cede_io::AsyncWriteExt;
use cede_stream::codec::{
    AnyDelimiterCodec, AnyDelimiterCodecError, BytesCodec, Decoder, Encoder, Framed, FramedParts, FramedRead, FramedWrite,
    LengthDelimitedCodec, LengthDelimitedCodecError, LinesCodec, LinesCodecError,
};
use futures_util::{FutureExt, SinkExt, StreamExt};
use proptest::prelude::*;

/// Gives the bytes to the decoder in pieces of `size`.
fn in_pieces<D: Decoder>(decoder: &mut D, bytes: &[u8], size: usize) -> Vec<Result<D::Item, D::Error>> {
    let (mut buffer, mut found) = (BytesMut::new(), Vec::new());
    let mut take = |decoder: &mut D, buffer: &mut BytesMut, is_last: bool| {
        loop {
            let decoded = if is_last { decoder.decode_eof(buffer) } else { decoder.decode(buffer) };
            match decoded {
                Ok(Some(message)) => found.push(Ok(message)),
                Ok(None) => break,
                Err(error) => {
                    found.push(Err(error));
                    if is_last {
                        break;
                    }
                }
            }
        }
    };
    for piece in bytes.chunks(size) {
        buffer.extend_from_slice(piece);
        take(decoder, &mut buffer, false);
    }
    take(decoder, &mut buffer, true);
    found
}

fn lines(limit: usize, text: &str, size: usize) -> Vec<String> {
    let say = |line| match line {
        Ok(line) => line,
        Err(LinesCodecError::MaxLineLengthExceeded) => "too long".to_owned(),
        Err(LinesCodecError::Io(error)) => error.to_string(),
    };
    in_pieces(&mut LinesCodec::new_with_max_length(limit), text.as_bytes(), size).into_iter().map(say).collect()
}

#[test]
fn lines_are_found_however_they_come() {
    for size in 1..30 {
        assert_eq!(lines(usize::MAX, "one\r\n\ntwo\n three ", size), ["one", "", "two", " three "], "pieces of {size}");
        assert_eq!(lines(4, "abc\r\nabcde\nab\nabcdefghij\r\nx", size), ["abc", "too long", "ab", "too long", "x"], "pieces of {size}");
    }
    assert_eq!(LinesCodecError::MaxLineLengthExceeded.to_string(), "max line length exceeded");
    let mut codec = LinesCodec::default();
    assert!(codec.decode(&mut BytesMut::from(&b"\xff\n"[..])).is_err());
}

#[test]
fn pieces_between_any_delimiters_are_found_however_they_come() {
    let pieces = |limit, text: &str, size| {
        let mut codec = AnyDelimiterCodec::new_with_max_length(b",;".to_vec(), b",".to_vec(), limit);
        let say = |piece| match piece {
            Ok(piece) => String::from_utf8(Vec::from(piece)).unwrap(),
            Err(error @ AnyDelimiterCodecError::MaxChunkLengthExceeded) => error.to_string(),
            Err(AnyDelimiterCodecError::Io(error)) => panic!("{error}"),
        };
        in_pieces(&mut codec, text.as_bytes(), size).into_iter().map(say).collect::<Vec<_>>()
    };
    let long = "max chunk length exceeded";
    for size in 1..30 {
        assert_eq!(pieces(usize::MAX, "one,two;;three", size), ["one", "two", "", "three"], "pieces of {size}");
        assert_eq!(pieces(3, "abc;abcd,ab,abcdefghij;x", size), ["abc", long, "ab", long, "x"], "pieces of {size}");
    }
    let codec = AnyDelimiterCodec::default();
    assert_eq!(codec.max_length(), usize::MAX);
    assert_eq!(
        in_pieces(&mut codec.clone(), b"a,b;c\nd\re", 3).into_iter().map(Result::unwrap).collect::<Vec<_>>(),
        ["a", "b", "c", "d", "e"]
    );
    let mut sink = FramedWrite::new(Vec::new(), codec);
    for piece in ["one", "two"] {
        sink.send(piece).now_or_never().unwrap().unwrap();
    }
    assert_eq!(sink.into_inner(), b"one,two,");
}

#[test]
fn after_a_frame_that_is_too_long_what_was_read_already_comes_without_further_bytes() {
    let (mut peer, here) = cede_io::duplex(64);
    peer.write_all(b"far too long\nok\n").now_or_never().unwrap().unwrap();
    let mut lines = FramedRead::new(here, LinesCodec::new_with_max_length(4));
    let mut next = || lines.next().now_or_never().expect("all that is needed is there");
    assert!(matches!(next(), Some(Err(LinesCodecError::MaxLineLengthExceeded))));
    assert!(next().is_none(), "an error ends the stream once");
    assert_eq!(next().unwrap().unwrap(), "ok");
}

#[test]
fn a_head_does_not_take_the_memory_that_it_promises_to_fill() {
    let mut codec = LengthDelimitedCodec::builder().length_field_length(8).max_frame_length(usize::MAX).new_codec();
    let mut read = BytesMut::from(&(u64::MAX / 2).to_be_bytes()[..]);
    assert!(codec.decode(&mut read).unwrap().is_none());
    assert!(read.capacity() <= 1 << 20);
}

proptest! {
    #[test]
    fn length_delimited_messages_come_back(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..10),
        (field, little, offset) in (1_usize..9, any::<bool>(), 0_usize..4),
        (adjust, size) in (any::<bool>(), 1_usize..50),
    ) {
        let mut builder = LengthDelimitedCodec::builder();
        builder.length_field_length(field).length_field_offset(offset);
        if little {
            builder.little_endian();
        }
        if adjust {
            // The field counts the head, too.
            builder.length_adjustment(-((field + offset) as isize));
        }
        let mut codec = builder.new_codec();
        let mut bytes = BytesMut::new();
        for message in &messages {
            codec.encode(Bytes::from(message.clone()), &mut bytes).unwrap();
        }
        let found: Vec<_> = in_pieces(&mut codec, &bytes, size).into_iter().map(|message| message.unwrap().to_vec()).collect();
        prop_assert_eq!(found, messages);
    }

    #[test]
    fn no_bytes_make_a_decoder_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), adjustment in -20_isize..20, skip in 0_usize..20) {
        let mut codec = LengthDelimitedCodec::builder().length_field_length(1).length_adjustment(adjustment).num_skip(skip).new_codec();
        let mut buffer = BytesMut::from(&bytes[..]);
        let mut left = usize::MAX;
        // With nothing skipped and nothing given, the same bytes are a message for ever.
        while let Ok(Some(_)) = codec.decode(&mut buffer) && buffer.len() < left {
            left = buffer.len();
        }
    }
}

#[test]
fn too_long_messages_are_typed_errors() {
    let mut codec = LengthDelimitedCodec::builder().max_frame_length(3).new_codec();
    let mut written = BytesMut::from("before");
    let refused = codec.encode(Bytes::from("four"), &mut written).unwrap_err();
    assert_eq!((refused.kind(), &written[..]), (io::ErrorKind::InvalidInput, &b"before"[..]));
    let refused = codec.decode(&mut BytesMut::from(&[0, 0, 0, 4][..])).expect_err("the head alone says it");
    assert_eq!((refused.kind(), refused.to_string().as_str()), (io::ErrorKind::InvalidData, "frame size too big"));
    assert!(refused.get_ref().is_some_and(|inner| inner.is::<LengthDelimitedCodecError>()));
    let mut narrow = LengthDelimitedCodec::builder().length_field_length(1).new_codec();
    assert!(narrow.encode(Bytes::from(vec![0; 256]), &mut written).is_err(), "the field has no room for that");
    assert!(std::panic::catch_unwind(|| LengthDelimitedCodec::builder().length_field_length(9).new_codec()).is_err());
}

#[test]
fn an_error_gives_none_once_and_the_stream_goes_on() {
    let mut lines = FramedRead::new(&b"too long\nok\n"[..], LinesCodec::new_with_max_length(3));
    let mut next = || lines.next().now_or_never().unwrap();
    assert!(next().unwrap().is_err());
    assert!(next().is_none());
    assert_eq!(next().unwrap().unwrap(), "ok");
    assert!(next().is_none() && next().is_none());
    // Bytes that are no message at the end.
    let mut cut = FramedRead::new(&b"\0\0\0\x05abc"[..], LengthDelimitedCodec::new());
    assert_eq!(cut.next().now_or_never().unwrap().unwrap().unwrap_err().to_string(), "bytes remaining on stream");
    assert_eq!(&cut.read_buffer()[..], b"abc");
}

#[test]
fn parts_keep_what_is_in_the_buffers() {
    let (client, mut server) = cede_io::duplex(64);
    let mut framed = Framed::new(client, LinesCodec::new());
    server.write_all(b"line\nrest").now_or_never().unwrap().unwrap();
    assert_eq!(framed.next().now_or_never().unwrap().unwrap().unwrap(), "line");
    framed.start_send_unpin("unsent").unwrap();
    let parts: FramedParts<_, _> = framed.into_parts();
    assert_eq!((&parts.read_buf[..], &parts.write_buf[..]), (&b"rest"[..], &b"unsent\n"[..]));
    let mut raw = Framed::from_parts(FramedParts::new(parts.io, BytesCodec::new()));
    raw.write_buffer_mut().extend_from_slice(&parts.write_buf);
    SinkExt::<Bytes>::close(&mut raw).now_or_never().unwrap().unwrap();
    let mut seen = FramedRead::new(server, BytesCodec::new());
    assert_eq!(&seen.next().now_or_never().unwrap().unwrap().unwrap()[..], b"unsent\n");
    assert!(seen.next().now_or_never().unwrap().is_none());
}

#[test]
fn a_full_sink_waits_for_its_reader() {
    let (client, server) = cede_io::duplex(8);
    let mut sink = FramedWrite::new(client, BytesCodec::new());
    sink.set_backpressure_boundary(16);
    let fed = (0..100).take_while(|_| sink.feed(Bytes::from("12345678")).now_or_never().is_some()).count();
    assert_eq!(fed, 3, "one in the pipe and two in the buffer");
    drop(server);
    assert!(SinkExt::<Bytes>::flush(&mut sink).now_or_never().unwrap().is_err());
}
