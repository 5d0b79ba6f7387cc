//! What a task waits for, in words.

#![forbid(unsafe_code)]

use std::collections::HashMap;
use std::time::Duration;

use cede_context::holder::End;
use cede_context::wait::{Wait, WaitKind};

use super::{State, TaskDump, descriptor, holders};

/// The task that has to do something before one that waits so can go on, where that is known.
pub(super) fn holder_of(wait: Wait) -> Option<u64> {
    match wait.kind {
        WaitKind::Join => Some(wait.object).filter(|&task| task != 0),
        WaitKind::Mutex | WaitKind::RwLock | WaitKind::Once => holders::of(wait.object),
        _ => None,
    }
}

/// The task at the other end of the channel that one waits for, where that is known: who sent to it last, or receives from it; or the one that took a lock last, but may have passed it on. Another one
/// may do it as well.
pub(super) fn peer_of(wait: Wait) -> Option<u64> {
    match wait.kind {
        WaitKind::Receive | WaitKind::Watch => holders::at_end(wait.object, End::Sender),
        WaitKind::Mutex | WaitKind::RwLock => holders::perhaps_of(wait.object),
        WaitKind::Send => holders::at_end(wait.object, End::Receiver),
        _ => None,
    }
}

/// `now` is the time of the task's runtime, in nanoseconds.
pub(super) fn describe(wait: Wait, now: Option<u64>) -> String {
    let object = wait.object;
    match wait.kind {
        WaitKind::Yield => "its next turn: it gave way to others".to_owned(),
        WaitKind::Budget => "its next turn: its budget was spent".to_owned(),
        WaitKind::Timer => timer(object, now),
        WaitKind::Read => format!("{} to become readable", descriptor::describe(object)),
        WaitKind::Write => format!("{} to become writable", descriptor::describe(object)),
        WaitKind::Join if object == 0 => "any of its children to end".to_owned(),
        WaitKind::Join => format!("task {object} to end"),
        WaitKind::Blocking => format!("closure {object} on a blocking thread"),
        WaitKind::Process => format!("child process {object} to end"),
        WaitKind::Signal => format!("signal {object}"),
        WaitKind::Mutex | WaitKind::RwLock | WaitKind::Once => lock(wait),
        WaitKind::Semaphore => format!("permits of semaphore {object:#x}"),
        WaitKind::Notify => format!("a notification of {object:#x}"),
        WaitKind::Oneshot => format!("the value of oneshot channel {object:#x}"),
        WaitKind::Receive => known(format!("a message of channel {object:#x}"), ", to which task", peer_of(wait), " sent last"),
        WaitKind::Send => known(format!("room in channel {object:#x}"), ", from which task", peer_of(wait), " receives"),
        WaitKind::Watch => known(format!("a new value in watch channel {object:#x}"), ", to which task", peer_of(wait), " sent last"),
        WaitKind::Pipe => format!("the other side of in-memory pipe {object:#x}"),
        WaitKind::Barrier => format!("the others at barrier {object:#x}"),
        WaitKind::Cancellation => format!("the cancellation of token {object:#x}"),
        _ => "something that is not cede's".to_owned(),
    }
}

fn timer(deadline: u64, now: Option<u64>) -> String {
    match now {
        _ if deadline == 0 => "a timer".to_owned(),
        None => format!("a timer at {:?} of its runtime's clock", Duration::from_nanos(deadline)),
        Some(now) if now > deadline => format!("a timer that was due {:.1?} ago", Duration::from_nanos(now - deadline)),
        Some(now) => format!("a timer, due in {:.1?}", Duration::from_nanos(deadline - now)),
    }
}

fn lock(wait: Wait) -> String {
    let what = match wait.kind {
        WaitKind::Mutex => "mutex",
        WaitKind::RwLock => "read-write lock",
        _ => "once cell",
    };
    let what = known(format!("{what} {:#x}", wait.object), ", held by task", holder_of(wait), "");
    known(what, ", taken last by task", peer_of(wait), ", which may have passed it on")
}

/// Puts the two ends of oneshot channels together: a receiver that waits for the value, and a sender that waits for nobody to want it any more.
pub(super) fn pair(tasks: &mut [TaskDump]) {
    let mut ends = HashMap::<u64, Vec<usize>>::new();
    for (index, task) in tasks.iter().enumerate() {
        if task.state == State::Waiting && task.wait.kind == WaitKind::Oneshot {
            ends.entry(task.wait.object).or_default().push(index);
        }
    }
    for pair in ends.into_values() {
        let [one, other] = pair[..] else { continue };
        for (index, peer) in [(one, tasks[other].id), (other, tasks[one].id)] {
            tasks[index].peer = Some(peer);
            tasks[index].waits_for.push_str(&format!(", at the other end of which is task {peer}"));
        }
    }
}

fn known(what: String, before: &str, task: Option<u64>, after: &str) -> String {
    match task {
        Some(task) => format!("{what}{before} {task}{after}"),
        None => what,
    }
}

#[cfg(test)]
mod tests {
    use cede_context::wait::{Wait, WaitKind};

    use super::describe;

    #[test]
    fn timers_say_how_long() {
        let wait = Wait { kind: WaitKind::Timer, object: 5_000_000_000, indirect: false };
        assert_eq!(describe(wait, Some(2_000_000_000)), "a timer, due in 3.0s");
        assert_eq!(describe(wait, Some(5_500_000_000)), "a timer that was due 500.0ms ago");
    }
}
