//! What is read at once is handed over in pieces, and counted so.

use std::sync::Arc;
use std::task::{Context, Waker};

use super::*;

#[test]
fn a_large_chunk_is_counted_piece_by_piece() {
    for left in [Some(100_001), None] {
        let (sender, chunks) = mpsc::channel(2);
        sender.try_send(Ok(Bytes::from(vec![1; 100_000]))).unwrap();
        sender.try_send(Ok(Bytes::from_static(&[2]))).unwrap();
        drop(sender);
        let moved = Arc::new(Moved::default());
        let mut body = Outgoing::chunks(chunks, left, &moved);
        let mut sent = Vec::new();
        while let Poll::Ready(Some(frame)) = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop())) {
            let piece = frame.unwrap().into_data().unwrap();
            assert!(!piece.is_empty() && piece.len() <= PIECE);
            sent.extend_from_slice(&piece);
            assert_eq!(moved.bytes(), sent.len() as u64);
            assert_eq!(body.size_hint().exact(), left.map(|left| left - sent.len() as u64));
        }
        assert_eq!((sent.len(), sent.iter().filter(|byte| **byte == 2).count()), (100_001, 1));
        assert!(moved.is_done());
    }
}
