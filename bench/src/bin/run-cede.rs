//! cede: all workloads.

use cede as rt;

#[path = "../builder_shaped.rs"]
mod builder_shaped;
#[path = "../shaped/network.rs"]
mod network;
#[path = "../shaped.rs"]
mod shaped;

fn main() {
    shaped::main(builder_shaped::block_on, Some(|size| Box::pin(network::serve(size))), |_| false);
}
