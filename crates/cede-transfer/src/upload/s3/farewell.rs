//! The end of an upload in parts without its object: what becomes of what the store has of it, and what the user is told (U1 of [`super`]).
//!
//! What the journal names stays, and the same command goes on with it. Of the rest the store is told to forget it, and whatever it does not confirm is said. Nobody who wants to
//! leave waits for that: on a stop it is said at once that the answer is not known.

use std::time::Duration;

use super::super::journal::Kept;
use super::store::{Client, Forgotten};
use super::{End, Run};
use crate::engine::{Cause, Stop, Unfinished};
use crate::exit::Exit;
use crate::failure::printable;

/// How long an answer to "forget it" is waited for where the user waits, who wants to leave.
const GOODBYE: Duration = Duration::from_secs(1);
/// The same, where nobody is in a hurry.
const FAREWELL: Duration = Duration::from_secs(10);

/// Why the answer is not known if the user wants to leave meanwhile.
const LEFT: &str = "its answer was not waited for";

/// Has the store forget what an earlier run left and the user does not want, and returns what is to be said about that. The journal names it as long as that is not settled.
///
/// # Cancel safety
/// Dropping the future leaves the journal as it was.
pub(super) async fn forget_dropped(client: &Client, kept: &mut Kept, stop: &mut Stop) -> Result<Option<String>, Unfinished> {
    let Some(dropped) = &kept.dropped else { return Ok(None) };
    if let Some(place) = dropped.place.as_ref().filter(|place| place.is_elsewhere(&client.place)) {
        let why = format!("it is {}, and this goes elsewhere", printable(&place.endpoint));
        let note = orphan(&dropped.remote, &why);
        kept.dropped = None;
        return Ok(Some(note));
    }
    let told = cede::select! {
        biased;
        exit = stop.requested() => {
            let said = format!("{}; the same command tells it again", orphan(&dropped.remote, LEFT));
            return Err(Unfinished { cause: Cause::Stopped(exit), kept: Some(said) });
        }
        told = async {
            // What is paused before it begins asks for nothing.
            client.control.resumed().await;
            client.abort(&dropped.remote, FAREWELL).await
        } => told,
    };
    let note = told.err().map(|why| orphan(&dropped.remote, &why));
    kept.dropped = None;
    Ok(note)
}

/// What is said about parts that could not be taken back.
fn orphan(id: &str, why: &str) -> String {
    let id = printable(id);
    format!(
        "the store may still have parts of the upload {id}, because it could not be told to forget it ({why}); they take room until somebody does"
    )
}

impl Run {
    /// The end of an upload without its object (U1). A stop meanwhile is the end of that, too.
    pub(super) async fn give_up(mut self, mut end: End, stop: &mut Stop) -> Unfinished {
        // Somebody else's object is there, which stays.
        let is_taken = matches!(&end, End::Failed(failure) if failure.exit() == Exit::Exists);
        if let Some(kept) = self.kept.as_mut().filter(|_| is_taken) {
            kept.journal = None;
        }
        self.heard_no_begin();
        let mut said = self.notes();
        if let Some(id) = self.id.take() {
            let journal = self.kept.as_ref().and_then(|kept| kept.journal.as_ref());
            if journal.is_some_and(|journal| journal.remote == id) {
                said.push(goes_on(&end, self.completing).to_owned());
            } else {
                end = self.take_back(&id, end, stop, &mut said).await;
            }
        }
        let cause = match end {
            End::Failed(failure) => Cause::Failed(failure),
            End::Stopped(exit) => Cause::Stopped(exit),
        };
        if matches!(cause, Cause::Stopped(_)) && said.is_empty() {
            said.push("nothing was kept".to_owned());
        }
        Unfinished { cause, kept: (!said.is_empty()).then(|| said.join("; ")) }
    }

    /// Has the store forget an upload that nobody can go on with.
    async fn take_back(&self, id: &str, end: End, stop: &mut Stop, said: &mut Vec<String>) -> End {
        let (end, told) = match end {
            End::Stopped(exit) => (End::Stopped(exit), self.client.abort(id, GOODBYE).await),
            End::Failed(failure) => cede::select! {
                biased;
                exit = stop.requested() => {
                    said.push(format!("it had failed: {}", failure.what()));
                    (End::Stopped(exit), Err(LEFT.to_owned()))
                }
                told = self.client.abort(id, FAREWELL) => (End::Failed(failure), told),
            },
        };
        match told {
            Ok(Forgotten::Now) => {}
            // That is also what becomes of an upload that is complete.
            Ok(Forgotten::Before) if self.completing => said.push(
                "the store does not know the upload any more, because it may have made the object: look whether it is there".to_owned(),
            ),
            Ok(Forgotten::Before) => {}
            Err(why) if self.completing => said.push(format!("{}; or it may have made the object", orphan(id, &why))),
            Err(why) => said.push(orphan(id, &why)),
        }
        end
    }

    /// The store does not know the upload any more, so there is nothing to go on with and nothing to take back.
    pub(super) fn is_gone(&mut self) {
        self.id = None;
        if let Some(kept) = &mut self.kept {
            kept.journal = None;
        }
    }

    /// The request for an upload, if there is one under way, gets no answer: it may have been obeyed all the same.
    pub(super) fn heard_no_begin(&mut self) {
        self.unheard += usize::from(self.beginning.take().is_some_and(|moved| moved.is_done()));
    }

    /// What is said however this ends: about an earlier upload that was to be forgotten, and about uploads that the store may have begun without anybody having heard
    /// their names.
    pub(super) fn notes(&mut self) -> Vec<String> {
        let mut notes = std::mem::take(&mut self.notes);
        let what = match self.unheard {
            0 => return notes,
            1 => "one upload".to_owned(),
            count => format!("{count} uploads"),
        };
        notes.push(format!(
            "the store may have begun {what} without parts that nobody goes on with, because the answer was lost, or was none"
        ));
        notes
    }
}

/// What is said about parts that the journal names.
fn goes_on(end: &End, completing: bool) -> &'static str {
    match end {
        End::Stopped(_) => "the same command goes on with it",
        End::Failed(failure) if failure.exit() == Exit::Changed && completing => {
            "the store was asked to make an object of the earlier version and may have done so; if not, its parts stay there until then"
        }
        End::Failed(failure) if failure.exit() == Exit::Changed => "until then, the parts of the earlier version stay at the store",
        End::Failed(_) => "the parts that have arrived are kept at the store; the same command goes on with them",
    }
}
