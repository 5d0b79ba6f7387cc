//! Halves of a Unix stream that own it together.

use std::error::Error;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::BufMut;
use cede_driver::{Interest, Ready};
use cede_io::{AsyncRead, AsyncWrite, ReadBuf};

use super::address::SocketAddr;
use super::stream::UnixStream;

crate::net::halves::owned_halves! { UnixStream, SocketAddr }
