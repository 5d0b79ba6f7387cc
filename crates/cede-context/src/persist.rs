//! Work that must be finished even if some of it panics.
//!
//! Waking a batch of tasks calls foreign code once for each. If one of these calls panics, the others are still owed. [`persist`] keeps going
//! and lets the first panic out at the end. With `std` it catches, so any number of panics is survived; without, a destructor goes on, and a
//! second panic aborts, as Rust defines it.

#[cfg(feature = "std")]
mod catching;
#[cfg(feature = "std")]
pub use catching::persist;

#[cfg(not(feature = "std"))]
mod guarding;
#[cfg(not(feature = "std"))]
pub use guarding::persist;

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::persist;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn every_step_runs_and_the_first_panic_comes_out() {
        let mut steps = 0;
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            persist(|| {
                steps += 1;
                if steps % 3 == 0 {
                    std::panic::panic_any(steps);
                }
                steps < 10
            });
        }));
        assert_eq!(steps, 10);
        assert_eq!(outcome.unwrap_err().downcast_ref::<i32>(), Some(&3));
    }
}
