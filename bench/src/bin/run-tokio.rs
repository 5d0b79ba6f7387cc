//! tokio: all workloads.

use tokio as rt;

#[path = "../shaped.rs"]
mod shaped;

fn main() {
    shaped::main();
}
