//! What servers, networks and disks do wrong, one test for each. The rule for all of them is in [`case`]: a file that is called complete is of one version, nothing
//! else is left, the number of requests is bounded, and a failure names its URL.

mod case;
mod disk;
mod identity;
mod local;
mod origin;
mod ranges;
mod sparse;
mod straight;
mod sums;
mod transport;
mod unclaimed;
