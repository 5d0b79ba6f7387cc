//! cede: all workloads.

use cede as rt;

#[path = "../shaped.rs"]
mod shaped;

fn main() {
    shaped::main();
}
