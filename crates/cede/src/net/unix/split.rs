//! Halves of a Unix stream that borrow it.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BufMut;
use cede_driver::{Interest, Ready};
use cede_io::{AsyncRead, AsyncWrite, ReadBuf};

use super::address::SocketAddr;
use super::stream::UnixStream;

crate::net::halves::borrowed_halves! { UnixStream, SocketAddr }
