//! Reading and writing: the traits, and the utilities around them. The sockets are in [`net`](crate::net).

pub use cede_io::*;
