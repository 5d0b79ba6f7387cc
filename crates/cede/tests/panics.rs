//! A task that panics is told of where nobody would learn of it.

use std::sync::mpsc::channel;
use std::time::Duration;

use cede::runtime::Builder;
use cede::task::LocalSet;

#[test]
fn every_panic_is_counted_and_told_with_its_task() {
    for builder in [Builder::new_current_thread(), Builder::new_multi_thread()] {
        let mut builder = builder;
        let (tell, told) = channel();
        let runtime = builder.enable_all().on_task_panic(move |panic| tell.send(panic.clone()).unwrap()).build().unwrap();
        let line = line!() + 6;
        runtime.block_on(async {
            let awaited = cede::spawn(async { panic!("one") });
            assert!(awaited.await.unwrap_err().is_panic());
            let ((let_go, waits), (let_other_go, other_waits)) = (cede::sync::oneshot::channel::<()>(), channel::<()>());
            let left_alone = cede::task::Builder::new().name("left alone");
            drop(left_alone.spawn(async { panic!("number {}, {:?}", 2, waits.await) }).unwrap());
            drop(cede::task::spawn_blocking(move || std::panic::panic_any(other_waits.recv())));
            drop((let_go, let_other_go));
            while runtime.metrics().panicked_tasks_count() < 3 {
                cede::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let mut panics: Vec<_> = (0..3).map(|_| told.recv().unwrap()).collect();
        panics.sort_by_key(|panic| panic.spawned_at().line());
        let seen: Vec<_> = panics.iter().map(|panic| (panic.name(), panic.message(), panic.is_awaited())).collect();
        assert_eq!(
            seen,
            [(None, Some("one"), true), (Some("left alone"), Some("number 2, Err(RecvError(()))"), false), (None, None, false)]
        );
        assert_eq!(panics[1].spawned_at().line(), line);
        assert_eq!(
            panics[1].to_string(),
            format!(
                "task {} \"left alone\", spawned at {}, panicked, and nobody waits for it: number 2, Err(RecvError(()))",
                panics[1].task(),
                panics[1].spawned_at()
            )
        );
    }
}

#[test]
fn a_panic_in_a_local_set_is_told_by_the_runtime_that_drives_it() {
    let (tell, told) = channel();
    let runtime = Builder::new_current_thread().on_task_panic(move |panic| tell.send(panic.is_awaited()).unwrap()).build().unwrap();
    let set = LocalSet::new();
    drop(set.spawn_local(async { panic!("oh no") }));
    runtime.block_on(set);
    assert_eq!(told.try_iter().collect::<Vec<_>>(), [false]);
    assert_eq!(runtime.metrics().panicked_tasks_count(), 1);
}
