//! Time: sleeping, time limits, intervals, and a clock that tests can stop.
//!
//! Deadlines are exact to the precision of the kernel's timers, not rounded to a millisecond; a timer never fires early. Where timers of a runtime fire together, the
//! next ones may wait to fire together as well: after two for 50 µs, after twenty-one or more for a millisecond. While the clock is paused
//! ([`pause`]) they are rounded up to a millisecond, as tokio's are.

mod clock;
pub mod error;
mod instant;
mod interval;
mod sleep;
mod timeout;
pub(crate) mod timers;

pub use clock::{advance, pause, resume};
pub use instant::Instant;
pub use interval::{Interval, MissedTickBehavior, interval, interval_at};
pub(crate) use sleep::sleep_of_runtime;
pub use sleep::{Sleep, sleep, sleep_until};
pub use std::time::Duration;
pub(crate) use timeout::timeout_of_runtime;
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
