//! Who moves an ask on its way: the driver itself, or a task of its own.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use cede::sync::CancellationToken;
use cede::task::JoinHandle;

use crate::plan::Id;

/// An ask on its way.
pub(super) struct Flight {
    pub(super) id: Id,
    cancel: CancellationToken,
    course: Course,
}

/// Who polls a flight.
enum Course {
    /// The driver.
    Own(Pin<Box<dyn Future<Output = ()> + Send>>),
    Task(JoinHandle<()>),
    Ended,
}

impl Flight {
    pub(super) fn new(id: Id, cancel: CancellationToken, flow: Pin<Box<dyn Future<Output = ()> + Send>>, is_first: bool) -> Self {
        let course = if is_first { Course::Own(flow) } else { Course::Task(crate::tasks::spawn(flow)) };
        Self { id, cancel, course }
    }

    pub(super) fn is_finished(&self) -> bool {
        match &self.course {
            Course::Own(_) => false,
            Course::Task(task) => task.is_finished(),
            Course::Ended => true,
        }
    }

    /// Asks it to end; what was taken is still written.
    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }

    /// Moves it, if that is the driver's to do.
    fn poll_own(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Course::Own(flow) = &mut self.course else { return Poll::Pending };
        let landed = flow.as_mut().poll(cx);
        if landed.is_ready() {
            self.course = Course::Ended;
        }
        landed
    }

    /// Returns when it has ended.
    pub(super) async fn land(mut self) {
        match &mut self.course {
            Course::Own(flow) => flow.await,
            Course::Task(task) => drop(task.await),
            Course::Ended => {}
        }
    }
}

/// Moves the driver's own flight; returns when it has ended.
pub(super) async fn fly_own(flights: &mut [Flight]) {
    poll_fn(|cx| {
        // There is one at most, as it began alone.
        let landed = flights.iter_mut().any(|flight| flight.poll_own(cx).is_ready());
        if landed { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
