//! The demo's server: that of `cede serve`, in this process but on a runtime and a thread of its own, with the fault that users can ask it for: it is slow.
//!
//! The files are made beforehand, small and slow ones, large and fast ones, so that they end at different times. All its threads have one [`NAME`], by which they
//! are told from the client's.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use cede_serve::fault::Plan;
use cede_serve::{Background, Settings};
use sha2::{Digest, Sha256};
use url::Url;

use super::content;

/// What all files together should not exceed, so that a demo with many files takes no longer.
const BUDGET: u64 = 48 << 20;
/// What all the server's threads are called.
pub(super) const NAME: &str = cede_serve::THREAD_NAME;

/// A file of the demo.
#[derive(Debug)]
pub(super) struct Exhibit {
    pub(super) name: String,
    pub(super) size: u64,
    pub(super) sha256: [u8; 32],
    /// How long it takes to send.
    lasts: Duration,
}

/// The running server; it stops when this is dropped.
#[derive(Debug)]
pub(super) struct Origin {
    server: Background,
    exhibits: Vec<Exhibit>,
}

impl Exhibit {
    /// Makes the file in `site`.
    fn new(site: &Path, index: usize, count: usize) -> io::Result<Self> {
        // Six sizes, each twice the last; sixteen durations from 0.5 to 2.3 seconds, in another order.
        let unit = (256 << 10).min(BUDGET / (count as u64 * 11)).max(1024);
        let size = (unit << (index * 7 % 6)) + index as u64 * 37;
        let lasts = Duration::from_millis(500 + 120 * (index as u64 * 5 % 16));
        let name = format!("file-{:02}.bin", index + 1);
        let sha256 = write(&site.join(&name), index as u64 + 1, size)?;
        Ok(Self { name, size, sha256, lasts })
    }

    /// The fault that makes it last that long.
    fn fault(&self) -> String {
        let rate = (self.size as f64 / self.lasts.as_secs_f64()).ceil() as u64;
        format!("slow={rate},path=/{}", self.name)
    }
}

/// Writes the content to a file, and returns its SHA-256.
fn write(path: &Path, seed: u64, size: u64) -> io::Result<[u8; 32]> {
    let (mut file, mut hash, mut offset) = (File::create_new(path)?, Sha256::new(), 0);
    while offset < size {
        let piece = content::piece(seed, offset, size);
        file.write_all(&piece)?;
        hash.update(&piece);
        offset += piece.len() as u64;
    }
    Ok(hash.finalize().into())
}

impl Origin {
    /// Makes the files in `site`, and serves them: slowly, and with these faults.
    pub(super) fn start(site: &Path, count: usize, faults: Option<&str>) -> io::Result<Self> {
        fs::create_dir(site)?;
        let exhibits: Vec<Exhibit> = (0..count).map(|index| Exhibit::new(site, index, count)).collect::<io::Result<_>>()?;
        let faults: Vec<String> = exhibits.iter().map(Exhibit::fault).chain(faults.map(str::to_owned)).collect();
        let faults = Plan::parse(&faults.join(";"), 0).map_err(|mistake| io::Error::other(mistake.to_string()))?;
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Background::start(Settings { address, faults: Some(faults), ..Settings::new(site) })?;
        Ok(Self { server, exhibits })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    pub(super) fn exhibits(&self) -> &[Exhibit] {
        &self.exhibits
    }

    pub(super) fn url(&self, exhibit: &Exhibit) -> Url {
        Url::parse(&self.server.url(&format!("/{}", exhibit.name))).expect("an address and a plain name make a URL")
    }
}
