//! A server with 64 descriptors accepts in a loop that ignores errors, and has more clients than descriptors.
//!
//! `accept` fails as long as no descriptor is free, and on tokio it fails at once, so the loop spins and logs. When clients leave, both go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use rt::net::TcpListener;
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

const WATCHED: Duration = Duration::from_millis(500);

fn main() {
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).unwrap();
    side::demo(Duration::from_secs(10), || {
        let runtime = side::builder(2).build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let mut clients: Vec<_> = std::iter::from_fn(|| std::net::TcpStream::connect(address).ok()).collect();
            let (accepted, errors) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
            rt::spawn(serve(listener, accepted.clone(), errors.clone()));
            let before = processor_time();
            rt::time::sleep(WATCHED).await;
            let used = (processor_time() - before).as_secs_f64() / WATCHED.as_secs_f64() * 100.0;
            let (accepted_before, failed) = (accepted.load(SeqCst), errors.load(SeqCst));
            clients.truncate(10);
            let freed = Instant::now();
            while accepted.load(SeqCst) == accepted_before {
                rt::task::yield_now().await;
            }
            format!(
                "accept fails {failed} times in {WATCHED:?} and takes {used:.0} % of a processor; it goes on {:.0?} after clients have left",
                freed.elapsed()
            )
        })
    });
}

async fn serve(listener: TcpListener, accepted: Arc<AtomicU64>, errors: Arc<AtomicU64>) {
    let mut served = Vec::new();
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                served.push(client);
                accepted.fetch_add(1, SeqCst);
            }
            Err(_) => {
                errors.fetch_add(1, SeqCst);
            }
        }
    }
}

fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
}
