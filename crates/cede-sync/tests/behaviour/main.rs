//! What the primitives promise, tested with manual polls: nothing here depends on time or on threads, except `threads`.

mod auto_traits;
mod blocking;
mod broadcast;
mod budget;
mod cancellation;
mod hostile;
mod hostile_wakers;
mod models;
mod mpsc;
mod mutex;
mod nothing_lost;
mod notify;
mod once;
mod oneshot;
mod polling;
mod rwlock;
mod semaphore;
mod sweep;
mod threads;
mod values;
mod watch;
