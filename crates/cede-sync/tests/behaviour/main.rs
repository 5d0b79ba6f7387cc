//! What the primitives promise, tested with manual polls: nothing here depends on time or on threads, except `threads`.

mod auto_traits;
mod budget;
mod hostile_wakers;
mod models;
mod mpsc;
mod mutex;
mod notify;
mod oneshot;
mod polling;
mod rwlock;
mod semaphore;
mod threads;
mod values;
mod watch;
