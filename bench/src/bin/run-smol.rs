//! smol: async-executor (its leaked, faster variant), async-channel, async-lock, async-io, blocking, under tokio's names.

/// Thin wrappers, all inlined.
mod rt {
    use std::cell::Cell;
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Context, Poll};

    use async_executor::{StaticExecutor, StaticLocalExecutor, Task};

    pub static SHARED: StaticExecutor = StaticExecutor::new();
    pub static ONE_THREAD: AtomicBool = AtomicBool::new(false);
    thread_local! {
        pub static LOCAL: Cell<Option<&'static StaticLocalExecutor>> = const { Cell::new(None) };
    }

    /// A task that goes on when the handle is dropped.
    pub struct JoinHandle<T>(Option<Task<T>>);

    impl<T> Future for JoinHandle<T> {
        type Output = Result<T, ()>;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            let task = self.0.as_mut().unwrap();
            Pin::new(task).poll(context).map(Ok)
        }
    }

    impl<T> Drop for JoinHandle<T> {
        fn drop(&mut self) {
            if let Some(task) = self.0.take() {
                task.detach();
            }
        }
    }

    #[inline]
    pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        JoinHandle(Some(if ONE_THREAD.load(Ordering::Relaxed) { LOCAL.get().unwrap().spawn(future) } else { SHARED.spawn(future) }))
    }

    pub mod task {
        pub use smol::future::yield_now;

        pub fn spawn_blocking<T: Send + 'static>(job: impl FnOnce() -> T + Send + 'static) -> super::JoinHandle<T> {
            super::JoinHandle(Some(smol::unblock(job)))
        }
    }

    pub mod time {
        pub async fn sleep(duration: std::time::Duration) {
            smol::Timer::after(duration).await;
        }
    }

    pub mod sync {

        pub use async_lock::{Mutex, RwLock, Semaphore};

        /// On event-listener, as async-lock is.
        #[derive(Debug, Default)]
        pub struct Notify {
            event: event_listener::Event,
            token: std::sync::atomic::AtomicBool,
        }

        impl Notify {
            pub fn new() -> Self {
                Self::default()
            }

            fn take(&self) -> bool {
                self.token.swap(false, std::sync::atomic::Ordering::AcqRel)
            }

            pub fn notify_one(&self) {
                self.token.store(true, std::sync::atomic::Ordering::Release);
                self.event.notify(1);
            }

            pub async fn notified(&self) {
                while !self.take() {
                    let listener = self.event.listen();
                    if self.take() {
                        return;
                    }
                    listener.await;
                }
            }
        }

        pub mod mpsc {
            pub struct Sender<T>(async_channel::Sender<T>);
            pub struct UnboundedSender<T>(async_channel::Sender<T>);
            pub struct Receiver<T>(async_channel::Receiver<T>);

            impl<T> Clone for Sender<T> {
                fn clone(&self) -> Self {
                    Self(self.0.clone())
                }
            }

            impl<T> Clone for UnboundedSender<T> {
                fn clone(&self) -> Self {
                    Self(self.0.clone())
                }
            }

            impl<T> Sender<T> {
                pub async fn send(&self, value: T) -> Result<(), ()> {
                    self.0.send(value).await.map_err(drop)
                }
            }

            impl<T> UnboundedSender<T> {
                pub fn send(&self, value: T) -> Result<(), ()> {
                    self.0.try_send(value).map_err(drop)
                }
            }

            impl<T> Receiver<T> {
                pub async fn recv(&mut self) -> Option<T> {
                    self.0.recv().await.ok()
                }
            }

            pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
                let (sender, receiver) = async_channel::bounded(capacity);
                (Sender(sender), Receiver(receiver))
            }

            pub fn unbounded_channel<T>() -> (UnboundedSender<T>, Receiver<T>) {
                let (sender, receiver) = async_channel::unbounded();
                (UnboundedSender(sender), Receiver(receiver))
            }
        }

        pub use futures::channel::oneshot;
    }

    pub mod io {
        pub use smol::io::{AsyncReadExt, AsyncWriteExt};
    }

    pub mod net {
        pub use smol::net::{TcpListener, TcpStream};
    }
}

#[path = "../shaped/network.rs"]
mod network;
#[path = "../shaped.rs"]
mod shaped;
#[path = "../shaped/stuck.rs"]
mod stuck;

fn block_on(threads: usize, work: shaped::Work) -> Option<cede_bench::sample::Sample> {
    use async_executor::StaticLocalExecutor;
    if threads == 1 {
        let local: &'static StaticLocalExecutor = Box::leak(Box::new(StaticLocalExecutor::new()));
        rt::LOCAL.set(Some(local));
        rt::ONE_THREAD.store(true, std::sync::atomic::Ordering::Relaxed);
        let task = local.spawn(work);
        return smol::block_on(local.run(task));
    }
    for _ in 0..threads {
        std::thread::spawn(|| smol::block_on(rt::SHARED.run(std::future::pending::<()>())));
    }
    smol::block_on(rt::SHARED.spawn(work))
}

fn networked(name: &str, size: usize) -> Option<shaped::Work> {
    match name {
        "serve" => Some(Box::pin(network::serve(size))),
        "stuck_asleep" => Some(Box::pin(stuck::stuck(false))),
        "stuck_spinning" => Some(Box::pin(stuck::stuck(true))),
        _ => None,
    }
}

fn main() {
    shaped::main(block_on, networked, |_| false);
}
