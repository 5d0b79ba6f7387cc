//! The last handle of a runtime happens to be dropped in a task of another.

use std::time::Duration;

fn main() {
    side::demo(Duration::from_secs(5), || {
        let runtime = side::builder(1).build().unwrap();
        runtime.block_on(async {
            let inner = side::builder(1).build().unwrap();
            inner.spawn(std::future::pending::<()>());
            let task = rt::spawn(async move { drop(inner) });
            match task.await {
                Ok(()) => "works: its tasks are dropped".to_owned(),
                Err(error) => format!("panics: {}", side::message_of(error.into_panic())),
            }
        })
    });
}
