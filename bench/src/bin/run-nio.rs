//! nio: its tasks, timers and blocking pool under tokio's names. It has no channels and locks, so tokio's are used.
//!
//! With one thread tasks are local ones; with two they are pinned to a worker, because its timers may not leave theirs.

mod rt {
    use std::cell::Cell;
    use std::future::Future;

    pub use tokio::sync;

    thread_local! {
        pub static ONE_THREAD: Cell<bool> = const { Cell::new(false) };
    }

    #[inline]
    pub fn spawn<F>(future: F) -> nio::JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if ONE_THREAD.get() { nio::spawn_local(future) } else { nio::spawn_pinned(move || future) }
    }

    pub mod task {
        pub use nio::spawn_blocking;
        pub use nio_future::yield_now;
    }

    pub mod time {
        pub async fn sleep(duration: std::time::Duration) {
            cede_bench::local::Local(nio::sleep(duration)).await;
        }
    }
}

#[path = "../shaped.rs"]
mod shaped;

fn block_on(threads: usize, work: shaped::Work) -> Option<cede_bench::sample::Sample> {
    let threads = u8::try_from(threads).unwrap();
    if threads == 1 {
        rt::ONE_THREAD.set(true);
        let mut runtime = nio::RuntimeBuilder::new().worker_threads(1).build().unwrap();
        let context = runtime.local_context();
        return runtime.block_on(async move { context.spawn_local(work).await.unwrap() });
    }
    nio::RuntimeBuilder::new().worker_threads(threads).rt().unwrap().block_on(|| work)
}

fn main() {
    shaped::main(block_on, |_, _| None, |name| name.ends_with("_block_on") || name == "serve" || name.starts_with("stuck"));
}
