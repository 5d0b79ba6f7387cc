//! What is known about each request: for the access log when it ends, and for the list of those that refuse to end.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cede::time::Instant;

use crate::line::{Counted, Line};
use crate::units;

/// Where lines go. Called from tasks, so it has to be quick.
pub trait Log: Send + Sync {
    /// One line, without its end; control characters are escaped.
    fn line(&self, line: &str);
}

/// A [`Log`] that does not write.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Log for Silent {
    fn line(&self, _: &str) {}
}

/// All requests that are under way.
pub(crate) struct Desk {
    log: Arc<dyn Log>,
    live: Mutex<BTreeMap<u64, (String, Instant)>>,
    next: AtomicU64,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk").field("live", &self.live).finish_non_exhaustive()
    }
}

/// One request; the log line is written when this is dropped.
#[derive(Debug)]
pub(crate) struct Note {
    desk: Arc<Desk>,
    id: u64,
    title: String,
    began: Instant,
    pub(crate) status: u16,
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) remarks: Vec<String>,
    /// Whether the answer was given in full.
    pub(crate) complete: bool,
    line: Arc<Line>,
    _request: Counted,
}

impl Desk {
    pub(crate) fn new(log: Arc<dyn Log>) -> Self {
        Self { log, live: Mutex::default(), next: AtomicU64::new(0) }
    }

    pub(crate) fn say(&self, line: &str) {
        self.log.line(&printable(line));
    }

    /// How many requests there are.
    pub(crate) fn busy(&self) -> usize {
        self.live.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What they are, and since when.
    pub(crate) fn names(&self) -> Vec<String> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        live.values().map(|(title, began)| format!("{} for {:.1} s", printable(title), began.elapsed().as_secs_f64())).collect()
    }
}

impl Note {
    pub(crate) fn new(desk: &Arc<Desk>, line: &Arc<Line>, what: &str) -> Self {
        let id = desk.next.fetch_add(1, Ordering::Relaxed);
        let (title, began) = (format!("{} {what}", line.peer), Instant::now());
        desk.live.lock().unwrap_or_else(PoisonError::into_inner).insert(id, (title.clone(), began));
        let request = line.request();
        let (status, sent, received) = (0, 0, 0);
        Self {
            desk: Arc::clone(desk),
            id,
            title,
            began,
            status,
            sent,
            received,
            remarks: Vec::new(),
            complete: false,
            line: Arc::clone(line),
            _request: request,
        }
    }

    pub(crate) fn line(&self) -> &Arc<Line> {
        &self.line
    }

    pub(crate) fn began(&self) -> Instant {
        self.began
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        self.desk.live.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
        let status = if self.status == 0 { "---".to_owned() } else { self.status.to_string() };
        let mut text = format!("{} {status} {}", self.title, units::bytes(self.sent));
        if self.received > 0 {
            text.push_str(&format!(" (received {})", units::bytes(self.received)));
        }
        text.push_str(&format!(" {:.3} s", self.began.elapsed().as_secs_f64()));
        if !self.complete {
            text.push_str(" incomplete");
        }
        if !self.remarks.is_empty() {
            text.push_str(&format!(" [{}]", self.remarks.join(", ")));
        }
        self.desk.say(&text);
    }
}

/// The text without characters that move the cursor.
fn printable(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}
