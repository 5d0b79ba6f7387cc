//! What a task waits for, in words.

#![forbid(unsafe_code)]

use std::fmt::Write;
use std::time::Duration;

use cede_context::holder::End;
use cede_context::wait::{Wait, WaitKind};

use super::{State, TaskDump, descriptor, holders, peers};
use crate::order;

/// The task that has to do something before one that waits so can go on, where that is known.
#[inline(never)]
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
        WaitKind::Receive | WaitKind::Watch => peers::at_end(wait.object, End::Sender),
        WaitKind::Mutex | WaitKind::RwLock => holders::perhaps_of(wait.object),
        WaitKind::Send => peers::at_end(wait.object, End::Receiver),
        _ => None,
    }
}

/// `now` is the time of the task's runtime, in nanoseconds.
pub(super) fn describe(wait: Wait, now: Option<u64>) -> String {
    let object = wait.object;
    let (what, said) = match wait.kind {
        WaitKind::Yield => ("its next turn: it gave way to others", Said::Alone),
        WaitKind::Budget => ("its next turn: its budget was spent", Said::Alone),
        WaitKind::Timer => ("a timer", Said::Timer),
        WaitKind::Read => ("", Said::Descriptor(" to become readable")),
        WaitKind::Write => ("", Said::Descriptor(" to become writable")),
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
    let mut text = what.to_owned();
    match said {
        Said::Alone => {}
        Said::Number(after) => numbered(&mut text, "", object, after),
        Said::Object => shared(&mut text, wait),
        Said::Timer => timer(&mut text, object, now),
        Said::Descriptor(after) => {
            descriptor::describe(&mut text, object);
            text.push_str(after);
        }
    }
    text
}

/// What follows the name of the thing that a task waits for.
enum Said {
    Alone,
    Number(&'static str),
    Object,
    Timer,
    Descriptor(&'static str),
}

/// An object that tasks share, and who else is known to have to do with it.
fn shared(text: &mut String, wait: Wait) {
    let object = wait.object;
    _ = write!(text, " {object:#x}");
    if let Some(task) = holder_of(wait) {
        numbered(text, ", held by task", task, "");
    }
    let (before, after) = match wait.kind {
        WaitKind::Send => (", from which task", " receives"),
        WaitKind::Receive | WaitKind::Watch => (", to which task", " sent last"),
        _ => (", taken last by task", ", which may have passed it on"),
    };
    if let Some(task) = peer_of(wait) {
        numbered(text, before, task, after);
    }
}

#[inline(never)]
fn numbered(text: &mut String, before: &str, number: u64, after: &str) {
    _ = write!(text, "{before} {number}{after}");
}

fn timer(text: &mut String, deadline: u64, now: Option<u64>) {
    if deadline == 0 {
        return;
    }
    let Some(now) = now else {
        _ = write!(text, " at {:?} of its runtime's clock", Duration::from_nanos(deadline));
        return;
    };
    let (before, after) = if now > deadline { (" that was due ", " ago") } else { (", due in ", "") };
    _ = write!(text, "{before}{:.1?}{after}", Duration::from_nanos(now.abs_diff(deadline)));
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
            numbered(&mut tasks[index].waits_for, ", at the other end of which is task", peer, "");
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
