//! A task calls a function that is not async and calls `block_on` in turn.
//!
//! It happens when a library hides an async client behind a blocking interface.

use std::time::Duration;

use rt::runtime::Handle;

fn main() {
    side::demo(Duration::from_secs(5), || {
        let runtime = side::builder(1).build().unwrap();
        runtime.block_on(async {
            let task = rt::spawn(async { fetch() });
            match task.await {
                Ok(answer) => format!("works: {answer}"),
                Err(error) => format!("panics: {}", side::message_of(error.into_panic())),
            }
        })
    });
}

/// Looks as if it only computed.
fn fetch() -> u32 {
    Handle::current().block_on(async {
        // The answer comes from another task, on a runtime with one worker.
        rt::spawn(async {
            rt::time::sleep(Duration::from_millis(50)).await;
            42
        })
        .await
        .unwrap()
    })
}
