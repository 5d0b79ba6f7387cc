//! Events as two words: time and kind, and what it is about.

#![forbid(unsafe_code)]

/// What an event is. The first ones say what the thread does from now on; the others happened meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// The thread polls a task.
    Poll = 1,
    /// It goes on with a poll that it had begun.
    Resumed,
    /// It polls the future of `block_on`.
    Main,
    /// It looks at timers and sockets.
    Looking,
    Parked,
    /// It runs, and polls nothing.
    Awake,
    /// A task blocks it with permission.
    Blocking,
    /// It runs no worker any more.
    Away,
    Spawned,
    Woken,
    Ended,
    Panicked,
    /// Tasks taken from another worker: their number in the upper half, the worker in the lower.
    Stole,
    /// So many timers fired.
    Fired,
    /// How many tasks wait here, in the upper half, and in the queue for those from outside.
    Depths,
    /// Where the task of the event before was spawned.
    Site,
    Stalled,
    /// The worker was taken from the thread that polls this task.
    Rescued,
}

const KINDS: [Kind; 18] = [
    Kind::Poll,
    Kind::Resumed,
    Kind::Main,
    Kind::Looking,
    Kind::Parked,
    Kind::Awake,
    Kind::Blocking,
    Kind::Away,
    Kind::Spawned,
    Kind::Woken,
    Kind::Ended,
    Kind::Panicked,
    Kind::Stole,
    Kind::Fired,
    Kind::Depths,
    Kind::Site,
    Kind::Stalled,
    Kind::Rescued,
];

/// The time in the first word is a reading of the clock, not that of an event before.
const READ: u64 = 0x80;
const TIME_SHIFT: u32 = 8;

/// An event as it is read from a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raw {
    pub(super) kind: Kind,
    /// Ticks since the recording began, if the clock was read.
    pub(super) at: Option<u64>,
    pub(super) argument: u64,
}

impl Raw {
    #[inline]
    pub(super) fn to_words(self) -> [u64; 2] {
        let time = self.at.map_or(0, |at| at << TIME_SHIFT | READ);
        [time | self.kind as u64, self.argument]
    }

    pub(super) fn from_words(words: [u64; 2]) -> Option<Self> {
        let kind = KINDS.iter().copied().find(|&kind| kind as u64 == words[0] & (READ - 1))?;
        let at = (words[0] & READ != 0).then_some(words[0] >> TIME_SHIFT);
        Some(Self { kind, at, argument: words[1] })
    }
}

#[cfg(test)]
mod tests {
    use super::{KINDS, Raw};

    #[test]
    fn what_is_packed_is_unpacked() {
        for (index, &kind) in KINDS.iter().enumerate() {
            assert_eq!(kind as usize, index + 1);
            for at in [None, Some(0), Some((1 << 56) - 1)] {
                let event = Raw { kind, at, argument: u64::MAX - 5 };
                assert_eq!(Raw::from_words(event.to_words()), Some(event));
            }
        }
        assert_eq!(Raw::from_words([0, 7]), None);
    }
}
