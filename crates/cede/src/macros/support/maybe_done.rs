//! [`MaybeDone`]: a future that keeps its output until it is asked for.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

pin_project! {
    /// A future, or what it returned.
    #[derive(Debug)]
    #[project = Projected]
    #[project_replace = Replaced]
    pub enum MaybeDone<F: Future> {
        /// It is running.
        Running { #[pin] future: F },
        /// It returned this.
        Done { output: F::Output },
        /// The output was taken.
        Taken,
    }
}

/// Wraps a future.
pub fn maybe_done<F: IntoFuture>(future: F) -> MaybeDone<F::IntoFuture> {
    MaybeDone::Running { future: future.into_future() }
}

impl<F: Future> MaybeDone<F> {
    /// The output, if it is there.
    pub fn output_mut(self: Pin<&mut Self>) -> Option<&mut F::Output> {
        match self.project() {
            Projected::Done { output } => Some(output),
            _ => None,
        }
    }

    /// Takes the output, if it is there.
    pub fn take_output(self: Pin<&mut Self>) -> Option<F::Output> {
        if !matches!(*self, MaybeDone::Done { .. }) {
            return None;
        }
        match self.project_replace(MaybeDone::Taken) {
            Replaced::Done { output } => Some(output),
            _ => None,
        }
    }
}

impl<F: Future> Future for MaybeDone<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let output = match self.as_mut().project() {
            Projected::Running { future } => ready!(future.poll(cx)),
            Projected::Done { .. } => return Poll::Ready(()),
            Projected::Taken => panic!("polled after its output was taken"),
        };
        self.set(MaybeDone::Done { output });
        Poll::Ready(())
    }
}
