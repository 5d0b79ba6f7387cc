//! The attributes `main` and `test`, with a runtime that notes how it was built.

use std::cell::RefCell;

/// A crate in the shape that the attributes expect.
mod noting {
    pub(crate) use cede::pin;

    pub(crate) mod runtime {
        use std::pin::pin;
        use std::task::{Context, Poll, Waker};

        use crate::note;

        #[derive(Debug)]
        pub(crate) enum UnhandledPanic {
            Ignore,
            ShutdownRuntime,
        }

        pub(crate) struct Builder;

        #[derive(Default)]
        pub(crate) struct LocalOptions;

        impl Builder {
            pub(crate) fn new_multi_thread() -> Self {
                note("multi_thread");
                Builder
            }

            pub(crate) fn new_current_thread() -> Self {
                note("current_thread");
                Builder
            }

            pub(crate) fn worker_threads(&mut self, count: usize) -> &mut Self {
                note(&format!("worker_threads {count}"));
                self
            }

            pub(crate) fn start_paused(&mut self, paused: bool) -> &mut Self {
                note(&format!("start_paused {paused}"));
                self
            }

            pub(crate) fn unhandled_panic(&mut self, behaviour: UnhandledPanic) -> &mut Self {
                note(&format!("unhandled_panic {behaviour:?}"));
                self
            }

            pub(crate) fn name(&mut self, name: impl Into<String>) -> &mut Self {
                note(&format!("name {}", name.into()));
                self
            }

            pub(crate) fn enable_all(&mut self) -> &mut Self {
                note("enable_all");
                self
            }

            pub(crate) fn build(&mut self) -> Result<Runtime, String> {
                note("build");
                Ok(Runtime)
            }

            pub(crate) fn build_local(&mut self, _options: LocalOptions) -> Result<Runtime, String> {
                note("build_local");
                Ok(Runtime)
            }
        }

        pub(crate) struct Runtime;

        impl Runtime {
            pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
                match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Ready(output) => output,
                    Poll::Pending => panic!("nothing here waits"),
                }
            }
        }
    }
}

thread_local! {
    static NOTES: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn note(what: &str) {
    NOTES.with_borrow_mut(|notes| notes.push(what.into()));
}

fn notes() -> Vec<String> {
    NOTES.take()
}

#[cede::main(crate = "crate::noting")]
async fn plain() {
    note("body");
}

#[cede::main(crate = "noting", flavor = "multi_thread", worker_threads = 3, name = "own")]
async fn threaded(number: u32) -> Result<u32, String> {
    #![allow(clippy::unused_async, reason = "an inner attribute")]
    if number == 0 {
        return Err("zero".into());
    }
    Ok(number)
}

#[cede::main(crate = "noting", flavor = "current_thread", start_paused = true, unhandled_panic = "shutdown_runtime")]
async fn current() -> impl Iterator<Item = u32> {
    0..3
}

#[cede::main(crate = "noting", flavor = "local", unhandled_panic = "ignore")]
async fn local<T: Default>() -> T {
    T::default()
}

#[cede::main(crate = "noting")]
async fn never() -> ! {
    panic!("it does not return")
}

#[test]
fn main_is_multi_threaded() {
    plain();
    assert_eq!(notes(), ["multi_thread", "enable_all", "build", "body"]);
}

#[test]
fn arguments_reach_the_builder_and_values_come_back() {
    assert_eq!(threaded(7), Ok(7));
    assert_eq!(notes(), ["multi_thread", "worker_threads 3", "name own", "enable_all", "build"]);
    assert_eq!(threaded(0), Err("zero".into()));
    notes();
    assert_eq!(current().sum::<u32>(), 3);
    assert_eq!(notes(), ["current_thread", "start_paused true", "unhandled_panic ShutdownRuntime", "enable_all", "build"]);
    assert_eq!(local::<u32>(), 0);
    assert_eq!(notes(), ["current_thread", "unhandled_panic Ignore", "enable_all", "build_local"]);
}

#[test]
#[should_panic(expected = "it does not return")]
fn a_function_may_never_return() {
    never();
}

#[cede::test(crate = "noting")]
async fn test_has_one_thread() {
    assert_eq!(notes(), ["current_thread", "enable_all", "build"]);
}

#[cede::test(crate = "noting", flavor = "multi_thread", worker_threads = 1)]
async fn test_may_have_many_threads_and_a_result() -> Result<(), std::num::ParseIntError> {
    assert_eq!(notes()[..2], ["multi_thread", "worker_threads 1"]);
    let _: u32 = "1".parse()?;
    Ok(())
}

#[cede::test(crate = "noting")]
#[should_panic(expected = "as it should")]
async fn other_attributes_are_kept() {
    panic!("as it should");
}
