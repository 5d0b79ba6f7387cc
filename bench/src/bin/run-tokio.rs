//! tokio: all workloads.

use tokio as rt;

#[path = "../builder_shaped.rs"]
mod builder_shaped;
#[path = "../shaped/network.rs"]
mod network;
#[path = "../shaped/saturated.rs"]
mod saturated;
#[path = "../shaped.rs"]
mod shaped;
#[path = "../shaped/stuck.rs"]
mod stuck;

fn networked(name: &str, size: usize) -> Option<shaped::Work> {
    match name {
        "serve" => Some(Box::pin(network::serve(size))),
        "saturated" => Some(Box::pin(async { Some(saturated::alike().await) })),
        "stuck_asleep" => Some(Box::pin(stuck::stuck(false))),
        "stuck_spinning" => Some(Box::pin(stuck::stuck(true))),
        _ => None,
    }
}

fn main() {
    shaped::main(builder_shaped::block_on, networked, |_| false);
}
