//! A future that is next in line for a lock is not polled any more, and its own task waits for the lock (a *futurelock*, Oxide's RFD 609).
//!
//! No runtime can go on here: the lock belongs to a future that nobody polls. What can be done is to say so.

use std::sync::Arc;
use std::time::Duration;

use rt::sync::Mutex;

fn main() {
    side::demo(Duration::from_secs(3), || {
        let runtime = side::builder(2).build().unwrap();
        runtime.block_on(async {
            let lock = Arc::new(Mutex::new(()));
            let held = lock.clone();
            rt::spawn(async move {
                let _guard = held.lock().await;
                rt::time::sleep(Duration::from_millis(200)).await;
            });
            rt::time::sleep(Duration::from_millis(50)).await;
            rt::spawn(work(lock)).await.unwrap();
            "done".to_owned()
        })
    });
}

async fn work(lock: Arc<Mutex<()>>) {
    let mut first = Box::pin(locked(lock.clone()));
    rt::select! {
        () = &mut first => {}
        // The first future stays in the queue of the lock, and gets it soon; but it is polled no more.
        () = rt::time::sleep(Duration::from_millis(50)) => locked(lock).await,
    }
}

async fn locked(lock: Arc<Mutex<()>>) {
    let _guard = lock.lock().await;
}
