//! What a server is to do.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::fault::Plan;
use crate::note::{Log, Silent};

/// The wishes for one server.
///
/// ```
/// use cede_serve::Settings;
/// let settings = Settings { upload: true, ..Settings::new(".") };
/// assert_eq!(settings.address.port(), 8080);
/// ```
#[derive(Clone)]
pub struct Settings {
    /// The directory to serve; nothing outside is ever opened.
    pub root: PathBuf,
    /// Where to listen.
    pub address: SocketAddr,
    /// Certificates, for HTTPS.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// Whether clients may store files.
    pub upload: bool,
    /// The largest file that they may store.
    pub max_upload: Option<u64>,
    /// Connections at a time; more wait in the kernel's queue.
    pub max_connections: usize,
    /// Bytes per second over all answers.
    pub rate: Option<u64>,
    /// Bytes per second for each connection.
    pub rate_per_connection: Option<u64>,
    /// How long a connection may be without a request, or a request's head may take.
    pub idle: Duration,
    /// How long no byte may move while a request is under way.
    pub stall: Duration,
    /// How long a request may take altogether.
    pub request: Option<Duration>,
    /// How long requests may go on after the end was asked for.
    pub drain: Duration,
    /// Whether text is packed for clients that accept it.
    pub compress: bool,
    /// Whether directories without an `index.html` are listed.
    pub listing: bool,
    /// What goes wrong.
    pub faults: Option<Plan>,
    /// Where the access log goes.
    pub log: Arc<dyn Log>,
}

impl Settings {
    /// A directory for reading, at `127.0.0.1:8080`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            tls: None,
            http2: true,
            upload: false,
            max_upload: None,
            max_connections: 1024,
            rate: None,
            rate_per_connection: None,
            idle: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            request: None,
            drain: Duration::from_secs(10),
            compress: true,
            listing: true,
            faults: None,
            log: Arc::new(Silent),
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("root", &self.root)
            .field("address", &self.address)
            .field("upload", &self.upload)
            .finish_non_exhaustive()
    }
}
