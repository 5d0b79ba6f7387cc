//! What a task waits for, in words.

#![forbid(unsafe_code)]

use std::time::Duration;

use cede_context::holder::End;
use cede_context::wait::{Wait, WaitKind};

use super::{State, TaskDump, descriptor, holders};
use crate::order;

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
    let (what, said) = match wait.kind {
        WaitKind::Yield => ("its next turn: it gave way to others", Said::Alone),
        WaitKind::Budget => ("its next turn: its budget was spent", Said::Alone),
        WaitKind::Timer => return timer(object, now),
        WaitKind::Read | WaitKind::Write => {
            return descriptor::describe(object) + if wait.kind == WaitKind::Read { " to become readable" } else { " to become writable" };
        }
        WaitKind::Join if object == 0 => ("any of its children to end", Said::Alone),
        WaitKind::Join => ("task", Said::Number(" to end")),
        WaitKind::Blocking => ("closure", Said::Number(" on a blocking thread")),
        WaitKind::Process => ("child process", Said::Number(" to end")),
        WaitKind::Signal => ("signal", Said::Number("")),
        WaitKind::Mutex => ("mutex", Said::Object),
        WaitKind::RwLock => ("read-write lock", Said::Object),
        WaitKind::Once => ("once cell", Said::Object),
        WaitKind::Semaphore => ("permits of semaphore", Said::Object),
        WaitKind::Notify => ("a notification of", Said::Object),
        WaitKind::Oneshot => ("the value of oneshot channel", Said::Object),
        WaitKind::Receive => ("a message of channel", Said::Object),
        WaitKind::Send => ("room in channel", Said::Object),
        WaitKind::Watch => ("a new value in watch channel", Said::Object),
        WaitKind::Pipe => ("the other side of in-memory pipe", Said::Object),
        WaitKind::Barrier => ("the others at barrier", Said::Object),
        WaitKind::Cancellation => ("the cancellation of token", Said::Object),
        _ => ("something that is not cede's", Said::Alone),
    };
    match said {
        Said::Alone => what.to_owned(),
        Said::Number(after) => numbered(what, object, after),
        Said::Object => shared(what, wait),
    }
}

/// What follows the name of the thing that a task waits for.
enum Said {
    Alone,
    Number(&'static str),
    Object,
}

/// An object that tasks share, and who else is known to have to do with it.
fn shared(what: &str, wait: Wait) -> String {
    let object = wait.object;
    let mut text = format!("{what} {object:#x}");
    if let Some(task) = holder_of(wait) {
        text += &numbered(", held by task", task, "");
    }
    let (before, after) = match wait.kind {
        WaitKind::Send => (", from which task", " receives"),
        WaitKind::Receive | WaitKind::Watch => (", to which task", " sent last"),
        _ => (", taken last by task", ", which may have passed it on"),
    };
    if let Some(task) = peer_of(wait) {
        text += &numbered(before, task, after);
    }
    text
}

#[inline(never)]
fn numbered(before: &str, number: u64, after: &str) -> String {
    format!("{before} {number}{after}")
}

fn timer(deadline: u64, now: Option<u64>) -> String {
    match now {
        _ if deadline == 0 => "a timer".to_owned(),
        None => format!("a timer at {:?} of its runtime's clock", Duration::from_nanos(deadline)),
        Some(now) if now > deadline => format!("a timer that was due {:.1?} ago", Duration::from_nanos(now - deadline)),
        Some(now) => format!("a timer, due in {:.1?}", Duration::from_nanos(deadline - now)),
    }
}

/// Puts the two ends of oneshot channels together: a receiver that waits for the value, and a sender that waits for nobody to want it any more.
pub(super) fn pair(tasks: &mut [TaskDump]) {
    let mut ends = Vec::new();
    for (index, task) in tasks.iter().enumerate() {
        if task.state == State::Waiting && task.wait.kind == WaitKind::Oneshot {
            ends.push((task.wait.object, index));
        }
    }
    let ends = order::by_number(ends, |(channel, _)| *channel);
    for pair in ends.chunk_by(|one, other| one.0 == other.0) {
        let [(_, one), (_, other)] = *pair else { continue };
        for (index, peer) in [(one, tasks[other].id), (other, tasks[one].id)] {
            tasks[index].peer = Some(peer);
            tasks[index].waits_for += &numbered(", at the other end of which is task", peer, "");
        }
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
