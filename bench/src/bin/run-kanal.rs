//! kanal: its channels, on tokio.

mod rt {
    pub use tokio::{runtime, spawn, task, time};

    pub mod sync {
        pub use tokio::sync::{Mutex, Notify, RwLock, Semaphore, oneshot};

        pub mod mpsc {
            use kanal::{AsyncReceiver, AsyncSender};

            pub type Receiver<T> = Received<T>;
            pub type UnboundedReceiver<T> = Received<T>;

            #[derive(Clone)]
            pub struct Sender<T>(AsyncSender<T>);
            #[derive(Clone)]
            pub struct UnboundedSender<T>(AsyncSender<T>);
            pub struct Received<T>(AsyncReceiver<T>);

            impl<T> Sender<T> {
                pub async fn send(&self, value: T) -> Result<(), ()> {
                    self.0.send(value).await.map_err(drop)
                }
            }

            impl<T> UnboundedSender<T> {
                pub fn send(&self, value: T) -> Result<(), ()> {
                    self.0.try_send(value).map_err(drop).map(drop)
                }
            }

            impl<T> Received<T> {
                pub async fn recv(&mut self) -> Option<T> {
                    self.0.recv().await.ok()
                }
            }

            pub fn channel<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
                let (sender, receiver) = kanal::bounded_async(capacity);
                (Sender(sender), Received(receiver))
            }

            pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
                let (sender, receiver) = kanal::unbounded_async();
                (UnboundedSender(sender), Received(receiver))
            }
        }
    }
}

#[path = "../builder_shaped.rs"]
mod builder_shaped;
#[path = "../shaped.rs"]
mod shaped;

fn main() {
    shaped::main(builder_shaped::block_on, |_, _| None, |name| !name.starts_with("mpsc_"));
}
