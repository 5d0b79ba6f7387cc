//! The two jobs, and what a model of concurrency is.
#![forbid(unsafe_code)]

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// Bytes of a request and of an answer.
pub(crate) const MESSAGE: usize = 64;
/// What a client sends, and gets back.
pub(crate) const REQUEST: [u8; MESSAGE] = [7; MESSAGE];
/// Bytes of a piece of the input to hash.
pub(crate) const PIECE: u64 = 1 << 20;

/// An origin listens at so many addresses, because the queue of each is bounded (net.core.somaxconn), and one that overflows costs a client a second.
pub(crate) const LISTENERS: u8 = 4;

/// Where an origin is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    first: Ipv4Addr,
    port: u16,
}

impl Origin {
    /// The address that a unit connects to.
    pub(crate) fn of(self, unit: usize) -> SocketAddr {
        let [a, b, c, d] = self.first.octets();
        (Ipv4Addr::new(a, b, c, d + (unit % usize::from(LISTENERS)) as u8), self.port).into()
    }
}

impl FromStr for Origin {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let first = std::net::SocketAddrV4::from_str(text)?;
        Ok(Self { first: *first.ip(), port: first.port() })
    }
}

/// A way to do many things at once.
pub(crate) trait Model: Sync {
    /// What it is called.
    fn name(&self) -> &'static str;

    /// Its source, whose lines are counted.
    fn source(&self) -> &'static str;

    /// The I/O-bound job: connects `n` times, to where the [`Origin`] says, sends [`REQUEST`] and reads the answer, all at the same time.
    fn requests(&self, origin: Origin, n: usize) -> io::Result<Elsewhere>;

    /// The CPU-bound job: [`hash_of`] each piece, and the sum of these.
    fn hash(&self, pieces: u64) -> io::Result<u64>;

    /// So many requests of `n` it has under way at a time.
    fn in_flight(&self, n: usize) -> usize {
        n
    }

    /// Why it cannot do `n` requests, as far as that is known before.
    fn refuses(&self, _n: usize) -> Option<String> {
        None
    }
}

/// What a model used outside of its own process.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Elsewhere {
    /// Processes that existed at the same time.
    pub(crate) processes: u64,
    /// Private memory of all of them.
    pub(crate) bytes: u64,
}

/// The hash of one piece of the input, cut to eight bytes. The input is made up on the way, so that no model has to carry it anywhere.
pub(crate) fn hash_of(piece: u64) -> u64 {
    let mut block = [0_u8; 4096];
    let mut hash = Sha256::new();
    for number in 0..PIECE / 4096 {
        block[..8].copy_from_slice(&(piece << 32 | number).to_le_bytes());
        hash.update(block);
    }
    hash.finalize().iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// Whether the answer is what was asked for.
pub(crate) fn check(answer: &[u8; MESSAGE]) -> io::Result<()> {
    if *answer == REQUEST { Ok(()) } else { Err(io::Error::other("a wrong answer")) }
}

/// As many of whatever exists once in the kernel as this program may have; a third, so that the machine can still start something else.
pub(crate) fn refuses_more_than_a_third_of_the_ids(n: usize) -> Option<String> {
    let max: usize = std::fs::read_to_string("/proc/sys/kernel/pid_max").ok()?.trim().parse().ok()?;
    (n > max / 3).then(|| format!("configured limit: a third of kernel.pid_max = {max}"))
}
