//! Where descriptors belong.

use std::io;

use cede_driver::{Handle as DriverHandle, shut_down_error};

use crate::runtime::context;

/// The driver of the runtime that the thread is in, if it serves descriptors.
///
/// # Errors
/// In a simulated run, and when the runtime has been shut down.
///
/// # Panics
/// Outside of a runtime, and in one whose builder did not enable I/O.
#[track_caller]
pub(crate) fn home() -> io::Result<DriverHandle> {
    let home = context::with_current(|handle| handle.parts().descriptors.then(|| handle.driver()));
    let Some(home) = home else { context::outside() };
    let Some(driver) = home else {
        panic!("A Tokio 1.x context was found, but IO is disabled. Call `enable_io` on the runtime builder to enable IO.");
    };
    driver.check_descriptors()?;
    if driver.is_shut_down() {
        return Err(shut_down_error());
    }
    Ok(driver)
}
