//! Waiting for a moment.
//!
//! # What
//! The entry of the wheel is inside the future, so a sleep allocates nothing. It is armed at the first poll that has to wait: a time limit on something that is ready at
//! once never touches the wheel.
//!
//! # Who may touch what
//! `entry`: the wheel that it is armed in, under that wheel's lock, and this future through [`Timers`]. `armed` names the timers.
//!
//! # Invariants
//! - I1: while the entry is armed, `armed` is the `Timers` that it is armed in; the drop and every change of the deadline disarm it there first.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use cede_context::budget;
use cede_context::wait::{WaitKind, waiting_for};
use cede_core::wheel::{Entry, EntryState};
use cede_driver::clock::Clock;
use cede_driver::moment::Moment;
use pin_project_lite::pin_project;

use super::timers::{ArmedFor, Moved, Timers};
use super::{Duration, Instant};
use crate::runtime::context;

pin_project! {
    /// A future that is ready when its deadline has come. See [`sleep`]. Polled after that it is ready again, until it is [reset](Sleep::reset).
    ///
    /// ```
    /// # cede::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(async {
    /// use cede::time::{Duration, Instant, sleep};
    ///
    /// let start = Instant::now();
    /// let mut idle = std::pin::pin!(sleep(Duration::from_secs(60)));
    /// // Something came meanwhile: the time begins anew.
    /// idle.as_mut().reset(start + Duration::from_secs(90));
    /// idle.as_mut().await;
    /// assert!(idle.is_elapsed() && start.elapsed() == Duration::from_secs(90));
    /// # });
    /// ```
    ///
    /// *Cancel safety*: dropping it just forgets the deadline.
    #[project(!Unpin)]
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Sleep {
        deadline: Moment,
        #[pin]
        entry: Entry,
        armed: Option<&'static Timers>,
        state: State,
    }

    impl PinnedDrop for Sleep {
        fn drop(this: Pin<&mut Self>) {
            this.disarm();
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The deadline may be past already: the clock is asked before the entry is armed.
    Unchecked,
    /// The deadline was in the future when it was made.
    Ahead,
    /// The deadline has come.
    Over,
}

/// Waits for at least `duration`. Never wakes early; how late is up to the kernel, usually less than 100 µs. Where timers of a runtime fire
/// together, the next ones wait a little, to fire together as well: after two, up to 50 µs; after twenty-one or more, up to a millisecond.
///
/// *Cancel safety*: dropping it has no effect.
///
/// # Panics
/// Outside of a runtime, and in one whose builder did not enable timers.
///
/// ```
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// cede::time::sleep(std::time::Duration::from_micros(200)).await;
/// # });
/// ```
#[track_caller]
#[inline]
pub fn sleep(duration: Duration) -> Sleep {
    // Inlined from here on, so that the future is made where it stays.
    sleep_until_then(deadline_for_users(duration), duration)
}

#[track_caller]
#[inline]
fn deadline_for_users(duration: Duration) -> Moment {
    match context::with_current(|handle| handle.parts().timers.then(|| after(&handle.parts().clock, duration))) {
        Some(Some(deadline)) => deadline,
        Some(None) => disabled(),
        None => no_timers(),
    }
}

/// As [`sleep`], for what the runtime waits for by itself: it does not ask whether users may have timers.
#[track_caller]
pub(crate) fn sleep_of_runtime(duration: Duration) -> Sleep {
    let Some(deadline) = context::with_current(|handle| after(&handle.parts().clock, duration)) else { no_timers() };
    sleep_until_then(deadline, duration)
}

#[inline]
fn sleep_until_then(deadline: Moment, duration: Duration) -> Sleep {
    let state = if duration.is_zero() { State::Over } else { State::Ahead };
    Sleep { deadline, entry: Entry::new(), armed: None, state }
}

#[inline]
fn after(clock: &Clock, duration: Duration) -> Moment {
    clock.after(duration).unwrap_or_else(|| far_or_virtual(clock, duration))
}

#[cold]
fn far_or_virtual(clock: &Clock, duration: Duration) -> Moment {
    let deadline = clock.instant().checked_add(duration).map(Moment::of);
    deadline.filter(|&deadline| deadline != Moment::NEVER).unwrap_or_else(|| Moment::of(Instant::far_future().into_std()))
}

/// Waits until `deadline`.
///
/// *Cancel safety*: dropping it has no effect.
///
/// # Panics
/// Outside of a runtime, and in one whose builder did not enable timers.
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    match context::with_current(|handle| handle.parts().timers) {
        Some(true) => {}
        Some(false) => disabled(),
        None => no_timers(),
    }
    Sleep { deadline: Moment::of(deadline.into_std()), entry: Entry::new(), armed: None, state: State::Unchecked }
}

#[track_caller]
#[cold]
fn no_timers() -> ! {
    panic!(
        "there is no reactor running, must be called from the context of a Tokio 1.x runtime: timers belong to a runtime, so make them inside `block_on` or a task"
    )
}

#[track_caller]
#[cold]
fn disabled() -> ! {
    panic!("A Tokio 1.x context was found, but timers are disabled. Call `enable_time` on the runtime builder to enable timers.")
}

impl Sleep {
    /// The moment that this waits for. (If it is farther than can be counted, 548 years on or 36 years ago, then the last or the first that can be.)
    #[must_use]
    pub fn deadline(&self) -> Instant {
        Instant::from_std(self.deadline.instant())
    }

    /// Whether the deadline has come, as far as the runtime has noticed.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        self.state == State::Over || (self.armed.is_some() && self.entry.is_fired())
    }

    /// Waits for another deadline instead, also if the first one has come already. A task that waits need not poll again: it is woken at the new deadline.
    pub fn reset(self: Pin<&mut Self>, deadline: Instant) {
        let this = self.project();
        let deadline = Moment::of(deadline.into_std());
        *this.deadline = deadline;
        *this.state = State::Unchecked;
        let Some(timers) = *this.armed else { return };
        // SAFETY: [I1] armed here, if at all.
        match unsafe { timers.reset(this.entry.as_ref(), deadline) } {
            Moved::Armed => {}
            Moved::Over => *this.armed = None,
            Moved::Due(waker) => {
                *this.armed = None;
                *this.state = State::Over;
                waker.wake();
            }
        }
    }

    fn disarm(self: Pin<&mut Self>) {
        let this = self.project();
        if let Some(timers) = this.armed.take()
            && this.entry.state() == EntryState::Armed
        {
            // SAFETY: [I1] armed here.
            unsafe { timers.disarm(this.entry.as_ref()) };
        }
    }

    /// Arms the entry with the current worker, or finds that the deadline has come.
    #[track_caller]
    fn arm(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        // Foreign code, if any, runs before the thread's context is borrowed; what is left of it is dropped after.
        let mut waker = Some(ArmedFor::new(cx.waker()));
        let armed = context::with_current(|handle| {
            let clock = &handle.parts().clock;
            let mut at = clock.at_moment(*this.deadline);
            if *this.state == State::Unchecked && clock.now() >= at {
                *this.state = State::Over;
                return Poll::Ready(());
            }
            if clock.is_paused() && !clock.is_simulated() {
                at = clock.round_up(at);
            }
            let timers = handle.timers();
            // SAFETY: [I1] `armed` names these timers until the entry is disarmed or has fired.
            if unsafe { timers.arm(this.entry.as_ref(), at, waker.take().expect("is taken once")) }.is_err() {
                shut_down();
            }
            *this.armed = Some(timers.timers());
            waiting_for(WaitKind::Timer, at);
            Poll::Pending
        });
        armed.unwrap_or_else(|| no_timers())
    }
}

#[track_caller]
#[cold]
fn shut_down() -> ! {
    panic!("A Tokio 1.x context was found, but it is being shutdown.")
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let unit = ready!(budget::poll_proceed(cx));
        let this = self.as_mut().project();
        let over = match (&*this.armed, this.entry.state()) {
            _ if *this.state == State::Over => true,
            (None, _) => self.as_mut().arm(cx).is_ready(),
            (Some(_), EntryState::Fired) => true,
            (Some(timers), _) => !still_armed(timers, this.entry.as_ref(), cx),
        };
        if !over {
            return Poll::Pending;
        }
        let this = self.project();
        *this.armed = None;
        *this.state = State::Over;
        unit.spend();
        Poll::Ready(())
    }
}

/// Whether the entry is still armed; then this task is the one that is woken.
#[track_caller]
fn still_armed(timers: &Timers, entry: Pin<&Entry>, cx: &mut Context<'_>) -> bool {
    // SAFETY: [I1] of the caller: armed here.
    if unsafe { timers.update(entry, cx.waker()) } {
        waiting_for(WaitKind::Timer, 0);
        return true;
    }
    match entry.state() {
        EntryState::Dead => shut_down(),
        _ => false,
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("deadline", &self.deadline()).field("elapsed", &self.is_elapsed()).finish_non_exhaustive()
    }
}
