//! A transfer's row on the board, which the engine writes on while it works.

use std::sync::PoisonError;
use std::time::Duration;

use cede_transfer::Failure;
use cede_transfer::engine::Watch;
use url::Url;

use crate::progress::Board;
use crate::progress::events::News;

/// The row.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) board: Board,
    pub(crate) index: usize,
    notes: std::sync::Mutex<Vec<String>>,
    /// Where the last redirect led.
    led: std::sync::Mutex<Option<Url>>,
}

impl Row {
    pub(crate) fn new(board: Board, index: usize) -> Self {
        Self { board, index, notes: std::sync::Mutex::default(), led: std::sync::Mutex::default() }
    }

    /// What was noted so far.
    pub(crate) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut *self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Watch for Row {
    fn named(&self, name: &str, total: Option<u64>) {
        self.board.receiving(self.index, name, total);
    }

    fn have(&self, bytes: u64) {
        self.board.have(self.index, bytes);
    }

    fn verifying(&self) {
        self.board.verifying(self.index);
    }

    fn resumed(&self, bytes: u64) {
        self.board.tell(self.index, News::Resumed(bytes));
    }

    fn redirected(&self, from: &Url, to: &Url) {
        // Each segment goes the same way; once is enough.
        if self.led.lock().unwrap_or_else(PoisonError::into_inner).replace(to.clone()).as_ref() != Some(to) {
            self.board.tell(self.index, News::Redirected { from: from.to_string(), to: to.to_string() });
        }
    }

    fn retry(&self, url: &Url, why: &Failure, wait: Option<Duration>) {
        self.board.tell(self.index, News::Retry { url: url.to_string(), why: why.to_string(), wait });
    }

    fn note(&self, note: &str) {
        self.board.tell(self.index, News::Note(note.to_owned()));
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note.to_owned());
    }
}
