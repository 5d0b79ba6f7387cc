//! Serves a board of notes until Ctrl-C. `cargo run` here, then `curl --insecure https://localhost:PORT/notes`.
#![forbid(unsafe_code)]

use ecosystem::{Identity, Server};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let server = Server::start(&Identity::new()).await?;
    println!("https://localhost:{}/notes", server.address.port());
    tokio::signal::ctrl_c().await?;
    server.stop().await
}
