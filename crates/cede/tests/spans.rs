//! With the feature `tracing` each task has a span, with the names and fields that tokio gives it.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use cede::runtime::Builder;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

#[derive(Clone, Default)]
struct Listener(Arc<Seen>);

#[derive(Default)]
struct Seen {
    next: AtomicU64,
    log: Mutex<Vec<Said>>,
}

/// What a subscriber is told.
#[derive(Clone, Debug, PartialEq)]
enum Said {
    Opened { span: u64, target: String, name: String, fields: BTreeMap<String, String> },
    Entered(u64),
    Left(u64),
    Closed(u64),
    Told { target: String, fields: BTreeMap<String, String> },
}

struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().into(), format!("{value:?}").trim_matches('"').into());
    }
}

impl Listener {
    fn say(&self, said: Said) {
        self.0.log.lock().unwrap().push(said);
    }

    fn all(&self) -> Vec<Said> {
        self.0.log.lock().unwrap().clone()
    }

    /// The span and the fields of the one task with this name.
    fn task(&self, wanted: &str) -> (u64, BTreeMap<String, String>) {
        let mut found = self.all().into_iter().filter_map(|said| match said {
            Said::Opened { span, name, fields, .. } if name == "runtime.spawn" && fields["task.name"] == wanted => Some((span, fields)),
            _ => None,
        });
        let task = found.next().expect("a span");
        assert_eq!(found.next(), None);
        task
    }

    /// What was told of wakers of the task with this span.
    fn wakers(&self, span: u64) -> Vec<String> {
        let told = self.all().into_iter().filter_map(|said| match said {
            Said::Told { target, fields } if target == "tokio::task::waker" && fields["task.id"] == span.to_string() => Some(fields),
            _ => None,
        });
        told.map(|fields| fields["op"].clone()).collect()
    }

    fn count(&self, wanted: &Said) -> usize {
        self.all().iter().filter(|said| *said == wanted).count()
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tokio::task")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let id = self.0.next.fetch_add(1, Ordering::Relaxed) + 1;
        let mut fields = Fields(BTreeMap::new());
        span.record(&mut fields);
        let metadata = span.metadata();
        self.say(Said::Opened { span: id, target: metadata.target().into(), name: metadata.name().into(), fields: fields.0 });
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(BTreeMap::new());
        event.record(&mut fields);
        self.say(Said::Told { target: event.metadata().target().into(), fields: fields.0 });
    }

    fn enter(&self, span: &Id) {
        self.say(Said::Entered(span.into_u64()));
    }

    fn exit(&self, span: &Id) {
        self.say(Said::Left(span.into_u64()));
    }

    fn try_close(&self, span: Id) -> bool {
        self.say(Said::Closed(span.into_u64()));
        true
    }
}

/// Runs a program on one thread, with a listener that hears nothing of other tests.
fn heard<F: Future>(program: F) -> Listener {
    let listener = Listener::default();
    tracing::subscriber::with_default(listener.clone(), || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(program);
    });
    listener
}

#[test]
fn a_task_has_a_span_that_is_entered_while_it_is_polled() {
    let line = line!() + 3;
    let listener = heard(async {
        let builder = cede::task::Builder::new().name("answers");
        let task = builder.spawn(async { cede::task::yield_now().await }).unwrap();
        task.await.unwrap();
    });
    let (span, fields) = listener.task("answers");
    assert_eq!((&*fields["kind"], &*fields["loc.line"]), ("task", &*line.to_string()));
    assert!(fields["loc.file"].ends_with("tests/spans.rs") && fields.contains_key("loc.col") && fields.contains_key("size.bytes"));
    assert!(fields["task.id"].parse::<u64>().is_ok(), "{fields:?}");
    let polls = (listener.count(&Said::Entered(span)), listener.count(&Said::Left(span)), listener.count(&Said::Closed(span)));
    assert_eq!(polls, (2, 2, 1));
    // It woke itself once, in its span.
    assert_eq!(listener.wakers(span), ["waker.wake_by_ref"]);
    let wake = listener.all().iter().position(|said| matches!(said, Said::Told { .. })).unwrap();
    let left = listener.all().iter().position(|said| *said == Said::Left(span)).unwrap();
    assert!(wake < left, "{:#?}", listener.all());
}

#[test]
fn wakers_are_told_as_many_as_there_are() {
    let listener = heard(async {
        let (send, receive) = cede::sync::oneshot::channel();
        let waits = cede::task::Builder::new().name("waits").spawn(receive).unwrap();
        cede::task::yield_now().await;
        send.send(()).unwrap();
        waits.await.unwrap().unwrap();
    });
    let (span, _) = listener.task("waits");
    let wakers = listener.wakers(span);
    assert_eq!(wakers, ["waker.clone", "waker.wake_by_ref", "waker.drop"]);
}

#[test]
fn a_waker_that_a_timer_had_is_told_as_dropped_with_the_timer() {
    let listener = heard(async {
        let gives_up = cede::task::Builder::new().name("gives up").spawn(async {
            _ = cede::time::timeout(std::time::Duration::from_secs(3600), cede::task::yield_now()).await;
            std::future::pending::<()>().await;
        });
        let gives_up = gives_up.unwrap();
        for _ in 0..3 {
            cede::task::yield_now().await;
        }
        gives_up.abort();
        _ = gives_up.await;
    });
    let (span, _) = listener.task("gives up");
    let wakers = listener.wakers(span);
    assert_eq!(wakers.iter().filter(|op| *op != "waker.wake_by_ref").collect::<Vec<_>>(), ["waker.clone", "waker.drop"]);
}

#[test]
fn local_tasks_and_blocking_closures_have_spans_of_their_kind() {
    let listener = heard(async {
        let set = cede::task::LocalSet::new();
        set.run_until(async {
            cede::task::Builder::new().name("local").spawn_local(cede::task::yield_now()).unwrap().await.unwrap();
        })
        .await;
        cede::task::Builder::new().name("blocks").spawn_blocking(|| ()).unwrap().await.unwrap();
    });
    let (span, fields) = listener.task("local");
    assert_eq!((&*fields["kind"], listener.count(&Said::Entered(span))), ("local", 2));
    let (_, fields) = listener.task("blocks");
    assert!(fields["kind"] == "blocking" && fields.contains_key("fn"), "{fields:?}");
}

#[test]
fn a_task_that_panics_or_is_aborted_closes_its_span() {
    let listener = heard(async {
        let panics = cede::task::Builder::new().name("panics").spawn(async { panic!("on purpose") }).unwrap();
        panics.await.unwrap_err();
        let aborted = cede::task::Builder::new().name("aborted").spawn(std::future::pending::<()>()).unwrap();
        cede::task::yield_now().await;
        aborted.abort();
        aborted.await.unwrap_err();
    });
    for name in ["panics", "aborted"] {
        let (span, _) = listener.task(name);
        let counts = (listener.count(&Said::Entered(span)), listener.count(&Said::Left(span)), listener.count(&Said::Closed(span)));
        assert_eq!(counts, (1, 1, 1), "{name}");
    }
}

#[test]
fn a_listener_that_wants_no_spans_of_tasks_gets_none() {
    struct Deaf(Listener);
    impl Subscriber for Deaf {
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            metadata.target() == "cede::test"
        }
        fn new_span(&self, span: &Attributes<'_>) -> Id {
            self.0.new_span(span)
        }
        fn record(&self, _: &Id, _: &Record<'_>) {}
        fn record_follows_from(&self, _: &Id, _: &Id) {}
        fn event(&self, event: &Event<'_>) {
            self.0.event(event);
        }
        fn enter(&self, _: &Id) {}
        fn exit(&self, _: &Id) {}
    }
    let listener = Listener::default();
    tracing::subscriber::with_default(Deaf(listener.clone()), || {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            cede::spawn(async { tracing::trace!(target: "cede::test", "heard") }).await.unwrap();
        });
    });
    assert!(matches!(&listener.all()[..], [Said::Told { target, .. }] if target == "cede::test"), "{:?}", listener.all());
}
