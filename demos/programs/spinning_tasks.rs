//! Two tasks in `loop {}` on two workers. What do the others do, and who tells which tasks it is?

use std::time::{Duration, Instant};

use rt::runtime::Handle;

fn main() {
    side::demo(Duration::from_secs(5), || {
        let runtime = side::builder(2).build().unwrap();
        let outcome = runtime.block_on(async {
            for _ in 0..2 {
                rt::spawn(async {
                    loop {
                        std::hint::spin_loop();
                    }
                });
            }
            rt::time::sleep(Duration::from_secs(1)).await;
            let begun = Instant::now();
            rt::spawn(rt::time::sleep(Duration::from_millis(100))).await.unwrap();
            let took = begun.elapsed();
            format!("another task's sleep of 100 ms takes {took:.0?}{}", side::dump(&Handle::current()))
        });
        // A drop would wait for the two.
        runtime.shutdown_background();
        outcome
    });
}
