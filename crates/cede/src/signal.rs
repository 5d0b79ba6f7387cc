//! Signals of the operating system.

pub mod unix;

use std::io;

/// Waits for Ctrl-C (`SIGINT`) that comes after this was first polled. From then on Ctrl-C does not end the process any more, also after this is dropped.
///
/// *Cancel safety*: a signal between two calls is not seen; to see all, keep a [`unix::Signal`].
///
/// # Errors
/// If the handler cannot be installed, and in a simulated run.
///
/// # Panics
/// Outside of a runtime.
///
/// ```no_run
/// # cede::block_on(async {
/// cede::signal::ctrl_c().await?;
/// println!("good bye");
/// # std::io::Result::Ok(()) }).unwrap();
/// ```
pub async fn ctrl_c() -> io::Result<()> {
    unix::signal(unix::SignalKind::interrupt())?.recv().await;
    Ok(())
}
