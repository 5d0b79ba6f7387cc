//! Futures of framed streams, and of progress objects, dropped at random: no message is lost, doubled or torn.

use bytes::Bytes;
use cede_stream::codec::{Framed, LengthDelimitedCodec};
use cede_stream::{ReadExactly, SinkReadyExt, WriteAll};
use futures_util::{SinkExt, StreamExt};

use crate::polling::{Random, both, drive, give_way};
use crate::up_to::up_to;

const MESSAGES: u32 = if cfg!(debug_assertions) { 100_000 } else { 1_000_000 };

/// A payload that says which one it is, in its content and its length.
fn payload(number: u32) -> Vec<u8> {
    let length = (number.wrapping_mul(2_654_435_761) >> 26) as usize;
    number.to_be_bytes().into_iter().chain(std::iter::repeat_n(number as u8, length)).collect()
}

#[test]
fn framed_messages_survive_any_cancellation() {
    let (client, server) = cede_io::duplex(97);
    let (mut client, mut server) = (Framed::new(client, LengthDelimitedCodec::new()), Framed::new(server, LengthDelimitedCodec::new()));
    client.set_backpressure_boundary(200);
    let mut cuts = 0_u32;
    let write = async {
        let mut random = Random(7);
        for number in 0..MESSAGES {
            while up_to(random.below(2) as usize, SinkReadyExt::<Bytes>::ready(&mut client)).await.map(Result::unwrap).is_none() {
                give_way().await;
            }
            client.start_send_unpin(Bytes::from(payload(number))).unwrap();
            if random.below(3) == 0 {
                // Flushed in part.
                let _flushed = up_to(random.below(2) as usize, SinkExt::<Bytes>::flush(&mut client)).await;
            }
        }
        SinkExt::<Bytes>::close(&mut client).await.unwrap();
    };
    let read = async {
        let mut random = Random(11);
        let mut number = 0;
        loop {
            match up_to(random.below(2) as usize, server.next()).await {
                None => {
                    cuts += 1;
                    give_way().await;
                }
                Some(Some(message)) => {
                    assert_eq!(message.unwrap(), payload(number));
                    number += 1;
                }
                Some(None) => return number,
            }
        }
    };
    let ((), received) = drive(both(write, read));
    assert_eq!(received, MESSAGES);
    assert!(cuts > MESSAGES / 50, "hardly anything was cut: {cuts}");
}

#[test]
fn progress_objects_survive_any_cancellation() {
    let (mut client, mut server) = cede_io::duplex(13);
    let write = async {
        let mut random = Random(3);
        for number in 0..MESSAGES / 10 {
            let mut message = WriteAll::new(payload(number));
            let length = [u8::try_from(message.remaining().len()).unwrap()];
            let mut head = WriteAll::new(length.to_vec());
            while up_to(random.below(2) as usize, head.write_to(&mut client)).await.map(Result::unwrap).is_none() {
                give_way().await;
            }
            while !message.is_complete() {
                let _written = up_to(random.below(2) as usize, message.write_to(&mut client)).await;
                give_way().await;
            }
        }
        drop(client);
    };
    let read = async {
        let mut random = Random(5);
        let mut head = ReadExactly::new(1);
        for number in 0..MESSAGES / 10 {
            head.reset();
            while !head.is_complete() {
                let _read = up_to(random.below(2) as usize, head.read_from(&mut server)).await;
                give_way().await;
            }
            let mut message = ReadExactly::new(usize::from(head.filled()[0]));
            while up_to(random.below(2) as usize, message.read_from(&mut server)).await.map(|read| read.unwrap().len()).is_none() {
                give_way().await;
            }
            assert_eq!(message.into_inner(), payload(number));
        }
        head.reset();
        assert_eq!(head.read_from(&mut server).await.unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    };
    drive(both(write, read));
}
