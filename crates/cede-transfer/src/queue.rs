//! What waits to be begun, and who is next.
//!
//! The highest priority goes first, and among equals the one that came first. What is held stays in its place and is passed over. The queue does not wait for
//! anything: who takes from it decides what an empty one means.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// How urgent something is; 0 is usual, more is sooner.
pub type Priority = i8;

/// A place: the priority, and the number.
type Place = (Reverse<Priority>, usize);

/// Waiting items, each with a number that is its own.
///
/// ```
/// use cede_transfer::queue::Queue;
/// let mut queue = Queue::default();
/// queue.push(0, "a");
/// queue.push(1, "b");
/// queue.set_priority(1, 1);
/// assert_eq!(queue.pop(), Some((1, "b")));
/// ```
#[derive(Debug)]
pub struct Queue<T> {
    ready: BTreeMap<Place, T>,
    held: BTreeMap<Place, T>,
    /// Priorities that are not 0.
    priorities: HashMap<usize, Priority>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { ready: BTreeMap::new(), held: BTreeMap::new(), priorities: HashMap::new() }
    }
}

impl<T> Queue<T> {
    /// Adds an item. Numbers grow, and are not given twice.
    pub fn push(&mut self, number: usize, item: T) {
        self.ready.insert((Reverse(0), number), item);
    }

    /// Takes the item that is next, with its number. `None`: there is none, or all are held.
    pub fn pop(&mut self) -> Option<(usize, T)> {
        let ((_, number), item) = self.ready.pop_first()?;
        self.priorities.remove(&number);
        Some((number, item))
    }

    /// The same, also of those that are held: for the end, when nothing is begun any more.
    pub fn pop_any(&mut self) -> Option<(usize, T)> {
        self.pop().or_else(|| {
            let number = self.held.keys().next()?.1;
            Some((number, self.remove(number)?))
        })
    }

    /// The numbers, priorities, and whether they are held, in the order in which they would leave if none were.
    pub fn iter(&self) -> impl Iterator<Item = (usize, Priority, bool)> {
        let (mut ready, mut held) = (self.ready.keys().peekable(), self.held.keys().peekable());
        std::iter::from_fn(move || {
            let is_held = match (ready.peek(), held.peek()) {
                (Some(ready), Some(held)) => held < ready,
                (ready, _) => ready.is_none(),
            };
            let (Reverse(priority), number) = if is_held { held.next() } else { ready.next() }?;
            Some((*number, *priority, is_held))
        })
    }

    /// The priority of an item that waits.
    pub fn priority(&self, number: usize) -> Priority {
        self.priorities.get(&number).copied().unwrap_or(0)
    }

    /// Changes it. Returns whether the item waits here.
    pub fn set_priority(&mut self, number: usize, priority: Priority) -> bool {
        let before = self.place(number);
        for items in [&mut self.ready, &mut self.held] {
            if let Some(item) = items.remove(&before) {
                items.insert((Reverse(priority), number), item);
                self.priorities.insert(number, priority);
                return true;
            }
        }
        false
    }

    /// Passes the item over from now on, or no more. Returns whether the item waits here.
    pub fn hold(&mut self, number: usize, held: bool) -> bool {
        let place = self.place(number);
        let (from, to) = if held { (&mut self.ready, &mut self.held) } else { (&mut self.held, &mut self.ready) };
        match from.remove(&place) {
            Some(item) => to.insert(place, item).is_none(),
            None => to.contains_key(&place),
        }
    }

    /// Whether the item waits, and is passed over.
    pub fn is_held(&self, number: usize) -> bool {
        self.held.contains_key(&self.place(number))
    }

    /// Takes an item out of turn.
    pub fn remove(&mut self, number: usize) -> Option<T> {
        let place = self.place(number);
        self.priorities.remove(&number);
        self.ready.remove(&place).or_else(|| self.held.remove(&place))
    }

    /// How many wait, held or not.
    pub fn len(&self) -> usize {
        self.ready.len() + self.held.len()
    }

    /// Whether nothing waits, held or not.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn place(&self, number: usize) -> Place {
        (Reverse(self.priority(number)), number)
    }
}

#[cfg(test)]
mod tests {
    //! Orders of leaving.

    use super::Queue;

    fn queue(count: usize) -> Queue<usize> {
        let mut queue = Queue::default();
        (0..count).for_each(|number| queue.push(number, number));
        queue
    }

    fn order(queue: &mut Queue<usize>) -> Vec<usize> {
        std::iter::from_fn(|| queue.pop()).map(|(number, item)| (number == item).then_some(item).unwrap()).collect()
    }

    #[test]
    fn first_come_first_served_unless_somebody_is_more_urgent() {
        let mut queue = queue(5);
        assert!(queue.set_priority(3, 1) && queue.set_priority(4, 2) && queue.set_priority(0, -1) && queue.set_priority(3, 1));
        assert!(!queue.set_priority(9, 1));
        assert_eq!((queue.priority(4), queue.priority(1), queue.len()), (2, 0, 5));
        assert_eq!(order(&mut queue), [4, 3, 1, 2, 0]);
    }

    #[test]
    fn what_is_held_is_passed_over_and_keeps_its_place() {
        let mut queue = queue(4);
        assert!(queue.hold(1, true) && queue.hold(1, true) && queue.is_held(1) && !queue.hold(9, true));
        assert_eq!(queue.pop(), Some((0, 0)));
        assert_eq!(queue.pop(), Some((2, 2)));
        assert!(queue.hold(1, false) && !queue.is_held(1));
        assert_eq!(order(&mut queue), [1, 3]);
    }

    #[test]
    fn the_order_is_known_beforehand_and_at_the_end_all_leave() {
        let mut queue = queue(4);
        queue.set_priority(2, 1);
        queue.hold(2, true);
        queue.hold(1, true);
        assert_eq!(queue.iter().collect::<Vec<_>>(), [(2, 1, true), (0, 0, false), (1, 0, true), (3, 0, false)]);
        let left: Vec<_> = std::iter::from_fn(|| queue.pop_any()).map(|(number, _)| number).collect();
        assert_eq!(left, [0, 3, 2, 1]);
    }

    #[test]
    fn only_held_ones_are_nobody_s_turn() {
        let mut queue = queue(1);
        queue.hold(0, true);
        assert!(queue.set_priority(0, 5), "also a held one has a priority");
        assert_eq!(queue.iter().collect::<Vec<_>>(), [(0, 5, true)]);
        assert_eq!(queue.pop(), None);
        assert!(!queue.is_empty());
        assert_eq!(queue.remove(0), Some(0));
        assert!(queue.is_empty() && queue.remove(0).is_none());
    }
}
