//! A process without descriptors. It is a test binary of its own, because the limit holds for the whole process.

use std::time::{Duration, Instant};

use cede::net::TcpListener;

fn processor_time() -> Duration {
    // SAFETY: [I1] the structure is plain numbers and lives during the call.
    unsafe {
        let mut time = std::mem::zeroed::<libc::timespec>();
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time);
        Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap())
    }
}

fn limit_descriptors(count: u64) {
    let limit = libc::rlimit { rlim_cur: count, rlim_max: count };
    // SAFETY: [I1] the structure lives during the call.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

/// I1: the calls of this file only pass pointers to locals.
#[test]
fn accepting_without_descriptors_reports_once_waits_and_recovers() {
    limit_descriptors(64);
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        // Clients fill up the descriptors, then wait in the backlog.
        let mut clients = Vec::new();
        while let Ok(client) = std::net::TcpStream::connect(address) {
            clients.push(client);
        }
        assert!(clients.len() > 20);
        let error = listener.accept().await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EMFILE));

        let before = processor_time();
        let start = Instant::now();
        let waiting = cede::time::timeout(Duration::from_millis(300), listener.accept()).await;
        assert!(waiting.is_err(), "a second report: {waiting:?}");
        let used = processor_time() - before;
        assert!(used < start.elapsed() / 5, "it spins: {used:?} of {:?}", start.elapsed());

        clients.truncate(clients.len() - 4);
        let accepted = cede::time::timeout(Duration::from_secs(2), listener.accept()).await.expect("it recovers").unwrap();
        drop(accepted);
    });
}
