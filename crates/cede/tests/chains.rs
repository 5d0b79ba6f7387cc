//! Where in their code tasks wait. In a program of its own, because it slows all tasks of the process down while it is switched on.

use std::time::Duration;

use cede::runtime::{Builder, Handle};

#[test]
fn a_dump_shows_where_tasks_wait_if_that_is_kept() {
    async fn innermost() {
        cede::time::sleep(Duration::from_secs(600)).await;
    }
    async fn between() {
        innermost().await;
    }
    let first_line = line!() - 7;
    for runtime in [Builder::new_current_thread(), Builder::new_multi_thread()].map(|mut builder| builder.enable_all().build().unwrap()) {
        let before = runtime.spawn(between());
        runtime.block_on(async {
            while before_waits(&Handle::current().dump()) == 0 {
                cede::task::yield_now().await
            }
        });
        assert!(runtime.handle().dump().tasks().iter().all(|task| task.awaits.is_empty()));
        let kept = cede::inspect::await_chains();
        let at = line!();
        let task = runtime.spawn(async { between().await });
        let dump = runtime.block_on(async {
            loop {
                let dump = Handle::current().dump();
                if before_waits(&dump) == 2 {
                    return dump;
                }
                cede::task::yield_now().await;
            }
        });
        let shown = dump.tasks().iter().find(|shown| shown.id.to_string() == task.id().to_string()).unwrap();
        assert!(shown.awaits.iter().all(|frame| frame.file.as_ref().unwrap().ends_with("tests/chains.rs")), "{dump}");
        let lines: Vec<_> = shown.awaits.iter().map(|frame| frame.line.unwrap()).collect();
        assert!(lines.len() == 3 && lines[..2] == [first_line + 2, first_line + 5] && lines[2] == at + 1, "{dump}");
        assert!(dump.to_string().contains("\n      in "), "{dump}");
        let not_polled_since = dump.tasks().iter().find(|shown| shown.id.to_string() == before.id().to_string()).unwrap();
        assert!(not_polled_since.awaits.is_empty());
        drop(kept);
        assert!(runtime.handle().dump().tasks().iter().all(|task| task.awaits.is_empty()));
        before.abort();
        task.abort();
    }
}

fn before_waits(dump: &cede::inspect::Dump) -> usize {
    dump.tasks().iter().filter(|task| task.waits_for.contains("a timer")).count()
}
