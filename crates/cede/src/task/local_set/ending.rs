//! Sets that lie in tasks of sets, and so on: ended without running out of stack.
//!
//! The end of a set drops its tasks, and with them the sets that they own. So the depth is counted, and from [`DEPTH_MAX`] on a set is put on a list, which the outermost
//! end on the thread empties before it returns. So the drop of a set that lies so deep returns before its tasks have ended, which the documentation of the set says: to end them there would
//! take a stack without end, and on another one, which would be another thread's, they must not be dropped. (Outputs that own join handles are treated alike, in `task/nesting.rs`.)

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::Entered;
use super::tasks::Tasks;
use crate::runtime::context;

/// Ends nest so deep at most.
const DEPTH_MAX: u32 = 16;

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static LATER: RefCell<Vec<Rc<Tasks>>> = const { RefCell::new(Vec::new()) };
}

/// Drops the futures of a set, now or before the outermost end of this thread returns. Their panics go nowhere.
#[inline]
pub(super) fn end(tasks: &Rc<Tasks>) {
    // While the thread's locals are being torn down there may be no list.
    if DEPTH.get() >= DEPTH_MAX && LATER.try_with(|later| later.borrow_mut().push(tasks.clone())).is_ok() {
        return;
    }
    let _level = Level::enter();
    end_now(tasks);
}

/// One level of nested ends; the outermost one empties the list when it ends. It is left also by a panic: a thread that stayed too deep would end no set any more.
struct Level(u32);

impl Level {
    #[inline]
    fn enter() -> Self {
        let depth = DEPTH.get();
        DEPTH.set(depth + 1);
        Self(depth)
    }
}

impl Drop for Level {
    #[inline]
    fn drop(&mut self) {
        while self.0 == 0
            && let Ok(Some(next)) = LATER.try_with(|later| later.borrow_mut().pop())
        {
            end_now(&next);
        }
        DEPTH.set(self.0);
    }
}

#[inline]
fn end_now(tasks: &Rc<Tasks>) {
    let _no_blocking = context::drive(context::Drive::OneThread);
    let _entered = Entered::set(tasks.clone());
    tasks.end();
}

#[cfg(test)]
mod tests {
    use super::{DEPTH, Level};

    #[test]
    fn a_panic_leaves_its_level() {
        let panicked = std::panic::catch_unwind(|| {
            let _outer = Level::enter();
            let _inner = Level::enter();
            assert_eq!(DEPTH.get(), 0, "so it panics");
        });
        assert!(panicked.is_err());
        assert_eq!(DEPTH.get(), 0);
    }
}
