//! tokio: all workloads.

use tokio as rt;

#[path = "../builder_shaped.rs"]
mod builder_shaped;
#[path = "../shaped.rs"]
mod shaped;

fn main() {
    shaped::main(builder_shaped::block_on);
}
