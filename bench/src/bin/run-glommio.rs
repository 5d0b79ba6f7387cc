//! glommio: its tasks and timers, on io_uring, under tokio's names; one thread. It has no thread-safe channels and locks, so tokio's are used.

mod rt {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    use cede_bench::local::Local;
    pub use tokio::sync;

    pub struct JoinHandle<T>(Local<glommio::task::JoinHandle<T>>);

    impl<T> Future for JoinHandle<T> {
        type Output = Result<T, ()>;

        #[inline]
        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            Pin::new(&mut self.0).poll(context).map(|output| output.ok_or(()))
        }
    }

    #[inline]
    pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
        JoinHandle(Local(glommio::spawn_local(future).detach()))
    }

    pub mod task {
        pub async fn yield_now() {
            super::Local(async { glommio::executor().yield_task_queue_now().await }).await;
        }

        /// It is not offered.
        pub async fn spawn_blocking<T>(_job: impl FnOnce() -> T) -> Result<T, ()> {
            Err(())
        }
    }

    pub mod time {
        pub async fn sleep(duration: std::time::Duration) {
            super::Local(glommio::timer::sleep(duration)).await;
        }
    }
}

#[path = "../shaped.rs"]
mod shaped;

fn block_on(threads: usize, work: shaped::Work) -> Option<cede_bench::sample::Sample> {
    if threads != 1 {
        return None;
    }
    // It wants memory that is locked; where the limit forbids that, it has no figures.
    let executor = glommio::LocalExecutorBuilder::default().make().ok()?;
    executor.run(async move { glommio::spawn_local(work).await })
}

fn main() {
    shaped::main(
        block_on,
        |_, _| None,
        |name| name.ends_with("_block_on") || name == "serve" || name.starts_with("stuck") || name.starts_with("blocking"),
    );
}
