//! A server on a runtime and a thread of its own, for tests and demonstrations: what it does is not mistaken for the client's work.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;

use cede::sync::oneshot;

use crate::server::{Drained, Server};
use crate::settings::Settings;

/// What its threads are called, so that they can be told from those of the rest of the process.
pub const THREAD_NAME: &str = "cede-serve";

/// A running server; it stops when this is dropped.
///
/// ```
/// use cede_serve::{Background, Settings};
/// let mut server = Background::start(Settings { address: ([127, 0, 0, 1], 0).into(), ..Settings::new(".") }).unwrap();
/// assert!(server.url("/file").starts_with("http://127.0.0.1:"));
/// assert!(server.stop().refused.is_empty());
/// ```
#[derive(Debug)]
pub struct Background {
    address: SocketAddr,
    base: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Drained>>,
}

impl Background {
    /// Starts it.
    ///
    /// # Errors
    /// As [`Server::bind`], and if there can be no runtime or thread.
    pub fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind(settings.address)?;
        let runtime = cede::runtime::Builder::new_current_thread().enable_all().thread_name(THREAD_NAME).build()?;
        let server = runtime.block_on(async { Server::on(listener, settings) })?;
        let (address, base) = (server.local_addr(), server.url());
        let (stop, stopped) = oneshot::channel();
        let serve = move || runtime.block_on(server.run(async { drop(stopped.await) }));
        let thread = std::thread::Builder::new().name(THREAD_NAME.to_owned()).spawn(serve)?;
        Ok(Self { address, base, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path, which begins with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base.trim_end_matches('/'))
    }

    /// Ends it, in good order.
    pub fn stop(&mut self) -> Drained {
        drop(self.stop.take());
        self.thread.take().and_then(|thread| thread.join().ok()).unwrap_or_default()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
    }
}
