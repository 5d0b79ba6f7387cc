//! monoio: its tasks and timers, on io_uring, under tokio's names; one thread. It has no thread-safe channels and locks, so tokio's are used.

mod rt {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use cede_bench::local::Local;
    pub use tokio::sync;

    pub struct JoinHandle<T>(Local<monoio::task::JoinHandle<T>>);

    impl<T> Future for JoinHandle<T> {
        type Output = Result<T, ()>;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            Pin::new(&mut self.0).poll(context).map(Ok)
        }
    }

    #[inline]
    pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
        JoinHandle(Local(monoio::spawn(future)))
    }

    pub mod task {
        pub use nio_future::yield_now;

        /// It is not offered.
        pub async fn spawn_blocking<T>(_job: impl FnOnce() -> T) -> Result<T, ()> {
            Err(())
        }
    }

    pub mod time {
        pub async fn sleep(duration: std::time::Duration) {
            super::Local(monoio::time::sleep(duration)).await;
        }
    }
}

#[path = "../shaped.rs"]
mod shaped;

fn block_on(threads: usize, work: shaped::Work) -> Option<cede_bench::sample::Sample> {
    if threads != 1 {
        return None;
    }
    let mut runtime = monoio::RuntimeBuilder::<monoio::FusionDriver>::new().enable_timer().build().unwrap();
    runtime.block_on(async move { monoio::spawn(work).await })
}

fn main() {
    // It has no pool of threads of its own. A task that wakes itself goes to the front of its queue, so a workload that yields until others have run never ends.
    shaped::main(
        block_on,
        |_, _| None,
        |name| {
            name.ends_with("_block_on")
                || name == "serve"
                || name.starts_with("stuck")
                || name.starts_with("blocking")
                || matches!(name, "spawn_idle" | "memory_task")
        },
    );
}
