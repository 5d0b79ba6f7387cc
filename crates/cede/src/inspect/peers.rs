//! Who was at the ends of channels last.
//!
//! Channels write it into [`Notes`] when somebody waits at them ([`cede_context::holder`]), and dumps read it, to show who could end a wait. They are in the table until they are freed, which may be many; then a peer is missing.

#![forbid(unsafe_code)]

use cede_context::holder::End;

use super::notes::Notes;
use crate::runtime::context;

static TABLE: Notes<2048> = Notes::new();

/// The ends of a channel are things of their own: channels are aligned, so the lower bits of their addresses are free.
fn end_of(channel: u64, end: End) -> u64 {
    channel | if end == End::Sender { 1 } else { 2 }
}

/// The task that runs on this thread is at this end of the channel.
pub(super) fn note(channel: u64, end: End) {
    TABLE.note(end_of(channel, end), context::current_task_id().unwrap_or(0));
}

/// Whoever gets the memory next has no peers yet.
pub(super) fn gone(channel: u64) {
    for end in [End::Sender, End::Receiver] {
        TABLE.forget(end_of(channel, end));
    }
}

/// The task that was at this end of a channel last, as far as is known: the receiver that waited, the sender for which it had waited.
pub(super) fn at_end(channel: u64, end: End) -> Option<u64> {
    TABLE.find(end_of(channel, end))
}

#[cfg(test)]
mod tests {
    use cede_context::holder::End;

    use super::{TABLE, at_end, end_of, gone};

    #[test]
    fn a_channel_that_is_gone_leaves_no_peers() {
        let channel = 0x7F00_1357_9B00;
        for end in [End::Sender, End::Receiver] {
            TABLE.note(end_of(channel, end), 17);
            assert_eq!(at_end(channel, end), Some(17));
        }
        gone(channel + 64);
        assert_eq!(at_end(channel, End::Sender), Some(17));
        gone(channel);
        assert_eq!((at_end(channel, End::Sender), at_end(channel, End::Receiver)), (None, None));
    }
}
