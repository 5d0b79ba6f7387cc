//! PUT, POST and forms: whole, or not at all.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use cede_transfer::Exit;
use cede_transfer::engine::Watch;
use cede_transfer::upload::{How, Part, Source};

use crate::case::{Case, content};

const SIZE: usize = 1_000_000;

#[test]
fn put_of_all_sizes() {
    for size in [0, 1, 256 * 1024, 3_000_001] {
        let mut case = Case::new(How::Put, size, "");
        case.order.check = true;
        assert_eq!(case.run().unwrap().bytes, size as u64);
        assert!(case.stored() == content(size, 1));
    }
}

#[test]
fn put_through_resets_and_busy_servers() {
    let case = Case::new(How::Put, SIZE, "reset,after=300K,tries=1;status=503,retry-after=0,tries=2;lost,tries=3;truncate,after=9,tries=4");
    case.run().unwrap();
    assert!(case.stored() == content(SIZE, 1));
    assert_eq!(case.asked("PUT").len(), 5);
}

#[test]
fn put_gives_up() {
    let mut case = Case::new(How::Put, SIZE, "status=503");
    case.rules.retries = 2;
    let (exit, told) = case.run().unwrap_err();
    assert_eq!(exit, Exit::Server);
    assert!(told.contains("/stored") && told.contains("503") && told.contains("tried 3 times"), "{told}");
    assert!(!case.is_stored() && case.asked("PUT").len() == 3);
}

#[test]
fn what_is_there_can_stay() {
    let mut case = Case::new(How::Put, SIZE, "");
    case.order.only_new = true;
    case.run().unwrap();
    case.replace(&content(SIZE, 2));
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Exists && told.contains("--no-clobber"), "{told}");
    assert!(case.stored() == content(SIZE, 1));
}

#[test]
fn an_own_file_whose_answer_was_lost_is_not_called_another_ones() {
    let mut case = Case::new(How::Put, SIZE, "lost,tries=1");
    case.order.only_new = true;
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Exists && told.contains("an earlier try was lost"), "{told}");
    assert!(case.stored() == content(SIZE, 1));
}

#[test]
fn post_is_not_sent_twice() {
    let mut case = Case::new(How::Post, SIZE, "lost");
    case.order.source = Source::Form(vec![Part::File { name: "f".to_owned(), path: case.path().join("file"), called: None, kind: None }]);
    case.order.url = case.order.url.join("/").unwrap();
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Network && told.contains("store it twice"), "{told}");
    assert_eq!(case.asked("POST").len(), 1);
}

#[test]
fn forms_arrive_as_they_are() {
    let mut case = Case::new(How::Post, SIZE, "status=503,retry-after=0,tries=1");
    let text = Part::Text { name: "note".to_owned(), value: "x".to_owned() };
    case.order.source =
        Source::Form(vec![text, Part::File { name: "f".to_owned(), path: case.path().join("file"), called: None, kind: None }]);
    case.order.url = case.order.url.join("/in/").unwrap();
    case.run().unwrap();
    assert!(std::fs::read(case.path().join("site/in/file")).unwrap() == content(SIZE, 1));
    assert_eq!(case.asked("POST").len(), 2);
    let named = Part::File { name: "f".to_owned(), path: case.path().join("file"), called: Some("x y".to_owned()), kind: None };
    case.order.source = Source::Form(vec![named]);
    case.run().unwrap();
    assert!(std::fs::read(case.path().join("site/in/x y")).unwrap() == content(SIZE, 1));
}

#[test]
fn refusals_are_told() {
    let mut case = Case::new(How::Put, SIZE, "status=413");
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Refused && told.contains("larger than the server takes"), "{told}");
    assert_eq!(case.asked("PUT").len(), 1);
    case.order.source = Source::File(case.path().join("no-such-file"));
    let (exit, told) = case.run().unwrap_err();
    assert!(exit == Exit::Files && told.contains("no-such-file"), "{told}");
}

#[test]
fn a_server_that_takes_the_connection_and_reads_nothing() {
    // The kernel accepts, and its buffers take some; then the window is closed for good.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut case = Case::new(How::Put, 24_000_000, "");
    case.order.url = format!("http://{}/stored", listener.local_addr().unwrap()).parse().unwrap();
    case.rules.stall = std::time::Duration::from_millis(300);
    case.rules.retries = 1;
    let (exit, told) = case.run().unwrap_err();
    assert_eq!(exit, Exit::TimedOut, "{told}");
    assert_eq!(case.journals(), 0);
}

/// Changes the file at the first failure that is followed by another try, and counts these.
struct Changing {
    path: std::path::PathBuf,
    retries: AtomicUsize,
    resumed: AtomicU64,
}

impl Watch for Changing {
    fn named(&self, _: &str, _: Option<u64>) {}
    fn have(&self, _: u64) {}
    fn verifying(&self) {}
    fn note(&self, _: &str) {}

    fn resumed(&self, bytes: u64) {
        self.resumed.fetch_add(bytes, Ordering::Relaxed);
    }

    fn retry(&self, _: &url::Url, _: &cede_transfer::Failure, _: Option<std::time::Duration>) {
        if self.retries.fetch_add(1, Ordering::Relaxed) == 0 {
            std::fs::OpenOptions::new().append(true).open(&self.path).unwrap().write_all(b"more").unwrap();
        }
    }
}

#[test]
fn a_file_that_changes_between_two_tries_is_refused() {
    for how in [How::Put, How::Tus { probe: false }] {
        let mut case = Case::new(how.clone(), SIZE, "reset,after=300K,tries=1,method=PUT;reset,after=300K,tries=1,method=PATCH");
        let watch = Arc::new(Changing { path: case.path().join("file"), retries: AtomicUsize::new(0), resumed: AtomicU64::new(0) });
        case.watch = watch.clone();
        let (exit, told) = case.run().unwrap_err();
        assert!(exit == Exit::Changed && told.contains("is not what it was"), "{how:?}: {told}");
        assert!(!case.is_stored(), "{how:?}");
        assert_eq!((watch.retries.load(Ordering::Relaxed), watch.resumed.load(Ordering::Relaxed)), (1, 0), "{how:?}");
    }
}

/// Answers each request on a connection of its own, after the whole of it has come, and says so with the line that it began with.
fn answering(answers: Vec<&'static str>) -> (std::net::SocketAddr, std::thread::JoinHandle<Vec<String>>) {
    use std::io::{BufRead, BufReader, Read};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let one = |answer: &str| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let (mut first, mut length) = (String::new(), 0);
            reader.read_line(&mut first).unwrap();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line).unwrap();
                if line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
            }
            reader.read_exact(&mut vec![0; length]).unwrap();
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
            first.trim().to_owned()
        };
        answers.into_iter().map(one).collect()
    });
    (address, thread)
}

#[test]
fn redirects_are_followed_where_that_sends_nothing_twice() {
    for (answer, method, told) in [
        ("307 Temporary Redirect\r\nLocation: /there", How::Put, None),
        ("308 Permanent Redirect\r\nLocation: /there", How::Put, None),
        // The file did not go there, and this one is asked for with GET as a rule: nothing is there.
        ("303 See Other\r\nLocation: /there", How::Put, Some("303")),
        // It may have been taken, and where it leads it would be sent again.
        ("307 Temporary Redirect\r\nLocation: /there", How::Post, Some("307")),
    ] {
        let answers = if told.is_some() { vec![answer] } else { vec![answer, "201 Created"] };
        let (address, server) = answering(answers);
        let mut case = Case::new(method, SIZE, "");
        case.order.url = format!("http://{address}/here").parse().unwrap();
        let result = case.run();
        let asked = server.join().unwrap();
        match told {
            None => {
                result.unwrap();
                assert_eq!(asked, ["PUT /here HTTP/1.1", "PUT /there HTTP/1.1"], "{answer}");
            }
            Some(status) => {
                let (_, said) = result.unwrap_err();
                assert!(said.contains(status) && asked.len() == 1, "{answer}: {said}");
            }
        }
    }
    // Not for ever.
    let (address, server) = answering(vec!["307 Temporary Redirect\r\nLocation: /here"]);
    let mut case = Case::new(How::Put, SIZE, "");
    case.order.url = format!("http://{address}/here").parse().unwrap();
    let (exit, said) = case.run().unwrap_err();
    assert!(exit == Exit::Redirects && server.join().unwrap().len() == 1, "{said}");
}

#[test]
fn a_named_pipe_is_refused_and_not_waited_for() {
    let (in_parts, _stand) = crate::parts::case(1, vec![]);
    for mut case in [in_parts, Case::new(How::Put, 1, ""), Case::new(How::Post, 1, "")] {
        let pipe = case.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        case.order.source = match case.order.how {
            How::Post => Source::Form(vec![Part::File { name: "f".to_owned(), path: pipe, called: None, kind: None }]),
            _ => Source::File(pipe),
        };
        let (exit, told) = case.run().unwrap_err();
        assert!(exit == Exit::Files && told.contains("not a regular file; '-' reads from a pipe"), "{told}");
    }
}
