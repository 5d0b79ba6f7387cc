//! Where `unsafe` may be, and how each use is justified.

use super::{Finding, Project, RustFile};
use crate::source::find_word;

/// The only files with `unsafe`. Whoever adds one names it here, so that a review sees it.
const UNSAFE_FILES: &[&str] = &[
    "bench/models/src/models/coroutines.rs",
    "bench/src/local.rs",
    "crates/cede-cli/src/closed.rs",
    "crates/cede-core/src/desk/model.rs",
    "crates/cede-core/src/executor.rs",
    "crates/cede-core/src/executor/sleep.rs",
    "crates/cede-core/src/executor/slot.rs",
    "crates/cede-core/src/idle/model.rs",
    "crates/cede-core/src/lock.rs",
    "crates/cede-core/src/steal_ring.rs",
    "crates/cede-core/src/steal_ring/model.rs",
    "crates/cede-core/src/task/cell.rs",
    "crates/cede-core/src/task/header.rs",
    "crates/cede-core/src/task/join.rs",
    "crates/cede-core/src/task/join_waker.rs",
    "crates/cede-core/src/task/model.rs",
    "crates/cede-core/src/task/sighting.rs",
    "crates/cede-core/src/task/waker.rs",
    "crates/cede-core/src/transfer_stack.rs",
    "crates/cede-core/src/transfer_stack/model.rs",
    "crates/cede-core/src/wait_list.rs",
    "crates/cede-core/src/wait_list/model.rs",
    "crates/cede-core/src/wait_list/tests.rs",
    "crates/cede-core/src/wake_batch.rs",
    "crates/cede-core/src/waker_slot.rs",
    "crates/cede-core/src/waker_slot/model.rs",
    "crates/cede-core/src/waker_slot/tests.rs",
    "crates/cede-core/src/wheel.rs",
    "crates/cede-core/src/wheel/ahead.rs",
    "crates/cede-core/src/wheel/due.rs",
    "crates/cede-core/src/wheel/entry.rs",
    "crates/cede-core/src/wheel/list.rs",
    "crates/cede-core/src/wheel/order.rs",
    "crates/cede-core/src/wheel/tests.rs",
    "crates/cede-core/src/wheel/tests/runs.rs",
    "crates/cede-core/tests/no_alloc.rs",
    "crates/cede-driver/src/system_clock.rs",
    "crates/cede-driver/src/epoll/sys.rs",
    "crates/cede-driver/src/process_barrier.rs",
    "crates/cede-driver/src/timer_slack.rs",
    "crates/cede-io/src/buf_read_ext/fill_buf.rs",
    "crates/cede-io/src/read_buf.rs",
    "crates/cede-io/src/read_buf/lend.rs",
    "crates/cede-sync/src/claims.rs",
    "crates/cede-sync/src/lease.rs",
    "crates/cede-sync/src/mpsc/chan.rs",
    "crates/cede-sync/src/mpsc/front.rs",
    "crates/cede-sync/src/mpsc/reserve.rs",
    "crates/cede-sync/src/mutex.rs",
    "crates/cede-sync/src/mutex/guards.rs",
    "crates/cede-sync/src/notify/notified.rs",
    "crates/cede-sync/src/once_slot.rs",
    "crates/cede-sync/src/oneshot/ends.rs",
    "crates/cede-sync/src/permits.rs",
    "crates/cede-sync/src/rwlock.rs",
    "crates/cede-sync/src/rwlock/guards.rs",
    "crates/cede-sync/src/rwlock/owned_guards.rs",
    "crates/cede-sync/src/value_lock.rs",
    "crates/cede-sync/tests/behaviour/hostile.rs",
    "crates/cede/src/adapters/hyper.rs",
    "crates/cede/src/blocking.rs",
    "crates/cede/src/fs/file.rs",
    "crates/cede/src/inspect/descriptor.rs",
    "crates/cede/src/inspect/posts.rs",
    "crates/cede/src/inspect/quit.rs",
    "crates/cede/src/io/async_fd.rs",
    "crates/cede/src/macros/join.rs",
    "crates/cede/src/macros/pin.rs",
    "crates/cede/src/macros/select.rs",
    "crates/cede/src/macros/try_join.rs",
    "crates/cede/src/monitor/frames.rs",
    "crates/cede/src/net/tcp/socket.rs",
    "crates/cede/src/net/unix/socket.rs",
    "crates/cede/src/process/command.rs",
    "crates/cede/src/record/ticks.rs",
    "crates/cede/src/record/trace.rs",
    "crates/cede/src/runtime/local.rs",
    "crates/cede/src/runtime/local/home.rs",
    "crates/cede/src/runtime/local/ranked.rs",
    "crates/cede/src/runtime/local/spawn.rs",
    "crates/cede/src/runtime/local/report.rs",
    "crates/cede/src/runtime/local/shutdown.rs",
    "crates/cede/src/runtime/run.rs",
    "crates/cede/src/runtime/steal.rs",
    "crates/cede/src/runtime/desk.rs",
    "crates/cede/src/runtime/steal/guest.rs",
    "crates/cede/src/runtime/steal/rescue.rs",
    "crates/cede/src/runtime/steal/ranked.rs",
    "crates/cede/src/runtime/steal/seat.rs",
    "crates/cede/src/runtime/steal/shutdown.rs",
    "crates/cede/src/runtime/steal/stepping.rs",
    "crates/cede/src/runtime/steal/threads.rs",
    "crates/cede/src/runtime/steal/worker.rs",
    "crates/cede/src/signal/unix/dispatch.rs",
    "crates/cede/src/sys/descriptor.rs",
    "crates/cede/src/sys/event_fd.rs",
    "crates/cede/src/sys/fill.rs",
    "crates/cede/src/sys/futex.rs",
    "crates/cede/src/sys/page_cache.rs",
    "crates/cede/src/sys/pid_fd.rs",
    "crates/cede/src/sys/pipe.rs",
    "crates/cede/src/sys/priority.rs",
    "crates/cede/src/sys/receive.rs",
    "crates/cede/src/sys/thread.rs",
    "crates/cede/src/sys/user.rs",
    "crates/cede/src/task/join.rs",
    "crates/cede/src/task/local_set/tasks.rs",
    "crates/cede/src/task/slab.rs",
    "crates/cede/src/task/slab/census.rs",
    "crates/cede/src/task/slab/pages.rs",
    "crates/cede/src/time/sleep.rs",
    "crates/cede/src/time/timers.rs",
    "crates/cede/src/time/timers/tests.rs",
    "crates/cede/tests/descriptors.rs",
    "crates/cede/tests/syscalls.rs",
    "crates/cede/tests/forks.rs",
    "crates/cede/tests/kernel_calls.rs",
    "crates/cede/tests/memory.rs",
    "crates/cede/tests/os/async_fd.rs",
    "crates/cede/tests/signals.rs",
    "crates/cede/tests/survival/script.rs",
];

pub(crate) fn check(project: &Project) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in &project.rust {
        let listed = UNSAFE_FILES.contains(&file.path.as_str());
        match first_unsafe(file) {
            Some(line) if !listed => {
                findings.push(Finding::Forbidden(format!(
                    "{}:{}: `unsafe` outside the files listed in xtask/src/tidy/safety.rs",
                    file.path,
                    line + 1
                )));
            }
            None if listed => findings.push(Finding::Forbidden(format!("{}: listed as a file with `unsafe`, but has none", file.path))),
            _ => {}
        }
        let uncited = uncited(file);
        if uncited > 0 {
            findings.push(Finding::Counted {
                rule: "safety-uncited",
                place: file.path.clone(),
                count: uncited,
                limit: 0,
                detail: "safety comments that cite no [I…]".to_owned(),
            });
        }
    }
    let listed = |path: &str| UNSAFE_FILES.contains(&path);
    findings.extend(
        UNSAFE_FILES
            .iter()
            .filter(|path| !project.rust.iter().any(|file| file.path == **path))
            .map(|path| Finding::Forbidden(format!("{path}: listed as a file with `unsafe`, but does not exist"))),
    );
    findings.extend(
        roots(project)
            .filter(|root| !forbids(root) && !project.rust.iter().any(|file| file.path.starts_with(folder(root)) && listed(&file.path)))
            .map(|root| {
                Finding::Forbidden(format!(
                    "{}: no file of the crate is listed with `unsafe`, so it says `#![forbid(unsafe_code)]`",
                    root.path
                ))
            }),
    );
    findings
}

fn first_unsafe(file: &RustFile) -> Option<usize> {
    file.source.lines.iter().position(|line| find_word(&line.code, "unsafe").is_some())
}

/// How many safety comments cite no invariant. A comment may go over several lines. Tests argue without: they know what they made.
fn uncited(file: &RustFile) -> usize {
    if file.gated {
        return 0;
    }
    let lines = &file.source.lines;
    let starts = lines.iter().enumerate().filter(|(_, line)| line.comment.trim_start_matches("// ").starts_with("SAFETY:"));
    let cites = |first: usize| {
        let more = lines[first + 1..].iter().take_while(|line| line.code.trim().is_empty() && line.comment.starts_with("// "));
        std::iter::once(&lines[first]).chain(more).any(|line| line.comment.contains("[I"))
    };
    starts.filter(|(first, _)| !cites(*first)).count()
}

fn roots(project: &Project) -> impl Iterator<Item = &RustFile> {
    project.rust.iter().filter(|file| file.path.ends_with("src/lib.rs") || file.path.ends_with("src/main.rs"))
}

fn folder(root: &RustFile) -> &str {
    root.path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn forbids(root: &RustFile) -> bool {
    root.source.lines.iter().any(|line| line.code.replace(' ', "").contains("#![forbid(unsafe_code)]"))
}
