//! Who waits for whom.
//!
//! # What
//! A graph whose nodes are actors and whose edges are waits of their handlers: for an answer, or for room in a mailbox. Waits of tasks that are no actors are not in it, for nobody waits for those.
//!
//! # When an edge is true (I5)
//! *Answer*: from the asking until the [`Reply`](crate::Reply) is used, dropped, deferred or left over when its handler returned. All of these take the edge out before anything else, so while it is there
//! the target must run its handler to end the wait.
//!
//! *Start*: from before the one ahead is started until it is up.
//!
//! *Room*: a waiter may have been given room and not have been polled since. So such an edge counts only as *confirmed*: its waiter has found itself without room after the target began to
//! wait. Whoever begins to wait wakes those that wait for room in its own mailbox; each of these, when polled and still without room, looks for a circle. A waiter leaves its waker and takes the
//! number of the moment *before* it asks for room, so whoever begins to wait later either wakes it or is seen to be later.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::error::Error;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::task::Waker;

use crate::node::Node;

/// What an actor waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitFor {
    /// The answer to a question.
    Answer,
    /// Room in a mailbox.
    Room,
    /// The start of a child ahead of it in their supervisor. The site is where the one behind was described.
    Start,
}

/// One wait in a circle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CircleStep {
    /// Who waits.
    pub name: Arc<str>,
    /// For what, of the next one.
    pub wait: WaitFor,
    /// Where in the code.
    pub site: &'static Location<'static>,
}

/// Actors that wait for each other: the first for the second, and so on, the last for the first. The first is the one that got this error, so the others go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle {
    /// The waits.
    pub steps: Vec<CircleStep>,
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadlock: ")?;
        for (i, step) in self.steps.iter().enumerate() {
            let next = &self.steps[(i + 1) % self.steps.len()].name;
            let what = match step.wait {
                WaitFor::Answer => "an answer of",
                WaitFor::Room => "room in the mailbox of",
                WaitFor::Start => "the start of",
            };
            let and = if i == 0 { "" } else { ", " };
            write!(f, "{and}\"{}\" waits for {what} \"{next}\" at {}", step.name, step.site)?;
        }
        f.write_str("; use `tell` in one of the places, or wait on a task of its own")
    }
}

impl Error for Circle {}

/// The waiter's id, then a number of the edge, so that the edges of one waiter are neighbours.
pub(crate) type EdgeKey = (u64, u64);

struct Edge {
    from: Arc<Node>,
    to: Arc<Node>,
    wait: WaitFor,
    site: &'static Location<'static>,
    since: u64,
    /// When a wait for room was found to be still one.
    confirmed: u64,
    waker: Option<Waker>,
}

/// The waits of the actors of one system.
#[derive(Default)]
pub(crate) struct WaitGraph {
    edges: BTreeMap<EdgeKey, Edge>,
    /// Those that wait for room, by whose.
    rooms: BTreeSet<(u64, EdgeKey)>,
    moments: u64,
}

impl WaitGraph {
    /// Adds a wait, unless it closes a circle. The wakers are to be called after unlocking.
    pub(crate) fn enter(
        &mut self,
        from: &Arc<Node>,
        to: &Arc<Node>,
        wait: WaitFor,
        site: &'static Location<'static>,
    ) -> Result<(EdgeKey, Vec<Waker>), Circle> {
        self.moments += 1;
        let key = (from.number(), self.moments);
        let (from, to, to_number) = (Arc::clone(from), Arc::clone(to), to.number());
        let edge = Edge { from, to, wait, site, since: self.moments, confirmed: 0, waker: None };
        self.edges.insert(key, edge);
        if let Some(circle) = self.circle(key) {
            self.edges.remove(&key);
            return Err(circle);
        }
        if wait == WaitFor::Room {
            self.rooms.insert((to_number, key));
        }
        let unsure = self.rooms.range((key.0, (0, 0))..=(key.0, (u64::MAX, u64::MAX)));
        let wakers = unsure.filter_map(|(_, room)| self.edges.get_mut(room)?.waker.take()).collect();
        Ok((key, wakers))
    }

    /// A waiter for room is about to look. Returns the moment, and what is to be dropped after unlocking.
    pub(crate) fn arm(&mut self, key: EdgeKey, waker: Waker) -> (u64, Option<Waker>) {
        self.moments += 1;
        let before = match self.edges.get_mut(&key) {
            Some(edge) => edge.waker.replace(waker),
            None => Some(waker),
        };
        (self.moments, before)
    }

    /// A waiter that looked at this moment has found no room. Says so if there will never be any.
    pub(crate) fn confirm(&mut self, key: EdgeKey, moment: u64) -> Option<Circle> {
        self.edges.get_mut(&key)?.confirmed = moment;
        self.circle(key)
    }

    /// Ends a wait. What it returns is to be dropped after unlocking.
    pub(crate) fn leave(&mut self, key: EdgeKey) -> Option<impl Sized + use<>> {
        let edge = self.edges.remove(&key)?;
        self.rooms.remove(&(edge.to.number(), key));
        Some(edge)
    }

    /// The shortest way along true edges from this one back to it.
    fn circle(&self, start: EdgeKey) -> Option<Circle> {
        let mut came_from = BTreeMap::new();
        let mut ahead = VecDeque::from([start]);
        while let Some(key) = ahead.pop_front() {
            let edge = &self.edges[&key];
            let target = edge.to.number();
            for (&next, waiting) in self.edges.range((target, 0)..=(target, u64::MAX)) {
                if edge.wait == WaitFor::Room && edge.confirmed <= waiting.since {
                    continue;
                }
                if next == start {
                    return Some(self.describe(start, key, &came_from));
                }
                came_from.entry(next).or_insert_with(|| {
                    ahead.push_back(next);
                    key
                });
            }
        }
        None
    }

    fn describe(&self, start: EdgeKey, last: EdgeKey, came_from: &BTreeMap<EdgeKey, EdgeKey>) -> Circle {
        let back = std::iter::successors(Some(last), |key| if *key == start { None } else { came_from.get(key).copied() });
        let mut steps: Vec<_> = back
            .map(|key| {
                let edge = &self.edges[&key];
                CircleStep { name: edge.from.name(), wait: edge.wait, site: edge.site }
            })
            .collect();
        steps.reverse();
        Circle { steps }
    }
}
