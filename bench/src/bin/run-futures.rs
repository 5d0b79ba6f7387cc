//! futures: its executors and channels, under tokio's names. It has no timers, sockets, or pool for blocking code.

mod rt {
    use std::cell::OnceCell;
    use std::future::Future;
    use std::sync::OnceLock;

    use futures::FutureExt;
    use futures::executor::{LocalSpawner, ThreadPool};
    use futures::future::RemoteHandle;
    use futures::task::{LocalSpawnExt, SpawnExt};

    pub static SHARED: OnceLock<ThreadPool> = OnceLock::new();
    thread_local! {
        pub static LOCAL: OnceCell<LocalSpawner> = const { OnceCell::new() };
    }

    /// A task that goes on when the handle is dropped.
    pub struct JoinHandle<T: 'static>(Option<RemoteHandle<T>>);

    impl<T> Future for JoinHandle<T> {
        type Output = Result<T, ()>;

        fn poll(mut self: std::pin::Pin<&mut Self>, context: &mut std::task::Context<'_>) -> std::task::Poll<Self::Output> {
            self.0.as_mut().unwrap().poll_unpin(context).map(Ok)
        }
    }

    impl<T> Drop for JoinHandle<T> {
        fn drop(&mut self) {
            if let Some(task) = self.0.take() {
                task.forget();
            }
        }
    }

    #[inline]
    pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let handle = match SHARED.get() {
            Some(pool) => pool.spawn_with_handle(future),
            None => LOCAL.with(|local| local.get().unwrap().spawn_local_with_handle(future)),
        };
        JoinHandle(Some(handle.unwrap()))
    }

    pub mod task {
        /// Wakes itself once.
        pub async fn yield_now() {
            let mut yielded = false;
            std::future::poll_fn(|context| {
                if std::mem::replace(&mut yielded, true) {
                    return std::task::Poll::Ready(());
                }
                context.waker().wake_by_ref();
                std::task::Poll::Pending
            })
            .await;
        }
    }

    pub mod sync {
        pub use futures::channel::oneshot;
        pub use futures::lock::Mutex;

        pub mod mpsc {
            use futures::{SinkExt, StreamExt, channel::mpsc};

            pub struct Sender<T>(futures::lock::Mutex<mpsc::Sender<T>>);
            pub struct UnboundedSender<T>(mpsc::UnboundedSender<T>);
            pub struct Receiver<T>(mpsc::Receiver<T>);
            pub struct UnboundedReceiver<T>(mpsc::UnboundedReceiver<T>);

            impl<T> Clone for Sender<T> {
                fn clone(&self) -> Self {
                    Self(futures::lock::Mutex::new(self.0.try_lock().unwrap().clone()))
                }
            }

            impl<T> Clone for UnboundedSender<T> {
                fn clone(&self) -> Self {
                    Self(self.0.clone())
                }
            }

            impl<T> Sender<T> {
                pub async fn send(&self, value: T) -> Result<(), ()> {
                    self.0.try_lock().unwrap().send(value).await.map_err(drop)
                }
            }

            impl<T> UnboundedSender<T> {
                pub fn send(&self, value: T) -> Result<(), ()> {
                    self.0.unbounded_send(value).map_err(drop)
                }
            }

            impl<T> Receiver<T> {
                pub async fn recv(&mut self) -> Option<T> {
                    self.0.next().await
                }
            }

            impl<T> UnboundedReceiver<T> {
                pub async fn recv(&mut self) -> Option<T> {
                    self.0.next().await
                }
            }

            pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
                let (sender, receiver) = mpsc::channel(capacity);
                (Sender(futures::lock::Mutex::new(sender)), Receiver(receiver))
            }

            pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
                let (sender, receiver) = mpsc::unbounded();
                (UnboundedSender(sender), UnboundedReceiver(receiver))
            }
        }
    }
}

#[path = "../shaped/channels.rs"]
mod channels;
#[path = "../shaped/mutexes.rs"]
mod mutexes;
#[path = "../shaped/tasks.rs"]
mod tasks;

use cede_bench::arguments::Arguments;
use cede_bench::sample::{Plan, Sample, measure};

fn main() {
    let arguments = Arguments::of_process();
    let plan = Plan::of(&arguments);
    let name = arguments.word.clone();
    let run = async move { run(&name, plan).await };
    let sample = match arguments.get("threads", 1) {
        1 => {
            let mut pool = futures::executor::LocalPool::new();
            rt::LOCAL.with(|local| local.set(pool.spawner()).unwrap());
            let task = rt::spawn(run);
            pool.run_until(task).unwrap()
        }
        threads => {
            let pool = futures::executor::ThreadPool::builder().pool_size(threads).create().unwrap();
            rt::SHARED.set(pool).unwrap();
            futures::executor::block_on(rt::spawn(run)).unwrap()
        }
    };
    cede_bench::sample::finish(sample);
}

async fn run(name: &str, plan: Plan) -> Option<Sample> {
    Some(match name {
        "spawn_join" => measure(plan, tasks::spawn_join).await,
        "spawn_one" => measure(plan, tasks::spawn_one).await,
        "spawn_idle" => measure(plan, tasks::spawn_idle).await,
        "yield" => measure(plan, tasks::yielding).await,
        "chained" => measure(plan, tasks::chained).await,
        "ping_pong" => measure(plan, channels::ping_pong).await,
        "ping_pong_1000" => measure(plan, channels::ping_pong_1000).await,
        "request_reply" => measure(plan, channels::request_reply).await,
        "mpsc_bounded_1" => measure(plan, channels::mpsc_bounded_1).await,
        "mpsc_bounded_4" => measure(plan, channels::mpsc_bounded_4).await,
        "mpsc_unbounded_1" => measure(plan, channels::mpsc_unbounded_1).await,
        "mpsc_unbounded_4" => measure(plan, channels::mpsc_unbounded_4).await,
        "oneshot" => measure(plan, channels::oneshot).await,
        "mutex" => measure(plan, mutexes::mutex).await,
        "mutex_held" => measure(plan, mutexes::mutex_held).await,
        "memory_task" => Sample { extra: vec![("bytes".to_owned(), tasks::memory(plan.operations).await)], ..Sample::default() },
        _ => return None,
    })
}
