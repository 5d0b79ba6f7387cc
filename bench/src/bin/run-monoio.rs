//! monoio: its tasks and timers, on io_uring, under tokio's names; one thread. It has no thread-safe channels and locks, so tokio's are used.

mod rt {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll};

    pub use tokio::sync;

    pub struct JoinHandle<T>(monoio::task::JoinHandle<T>);

    // SAFETY: only to give all workloads one type: there is one thread.
    unsafe impl<T> Send for JoinHandle<T> {}

    impl<T> Future for JoinHandle<T> {
        type Output = Result<T, ()>;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            Pin::new(&mut self.0).poll(context).map(Ok)
        }
    }

    #[inline]
    pub fn spawn<F: Future + 'static>(future: F) -> JoinHandle<F::Output> {
        JoinHandle(monoio::spawn(future))
    }

    pub mod task {
        pub use nio_future::yield_now;

        /// It is not offered.
        pub async fn spawn_blocking<T>(_job: impl FnOnce() -> T) -> Result<T, ()> {
            Err(())
        }
    }

    pub mod time {
        use std::future::Future;
        use std::pin::Pin;
        use std::task::{Context, Poll};

        struct Local<F>(F);

        // SAFETY: as above.
        unsafe impl<F> Send for Local<F> {}

        impl<F: Future> Future for Local<F> {
            type Output = F::Output;

            fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
                // SAFETY: the only field is pinned with the whole.
                unsafe { self.map_unchecked_mut(|local| &mut local.0) }.poll(context)
            }
        }

        pub async fn sleep(duration: std::time::Duration) {
            Local(monoio::time::sleep(duration)).await;
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
    // Without a pool of threads of its own.
    shaped::main(block_on, None, |name| name.ends_with("_block_on") || name.starts_with("blocking"));
}
