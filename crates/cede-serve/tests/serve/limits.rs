//! Time-outs, connections, protocols, and the end.

use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede_serve::Log;

use crate::client::{Reply, Site, content};

#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Log for Lines {
    fn line(&self, line: &str) {
        self.0.lock().unwrap().push(line.to_owned());
    }
}

#[test]
fn the_log_has_a_line_for_each_request() {
    let lines = Arc::new(Lines::default());
    let log = Arc::clone(&lines);
    let mut site = Site::new(|settings| settings.log = log);
    site.write("x", "hello");
    site.get("/x", "");
    site.ask("HEAD", "/x", "", b"");
    site.get("/none%0a", "");
    site.server.stop();
    let lines = lines.0.lock().unwrap();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains(" GET /x 200 5 B "), "{lines:?}");
    assert!(lines[2].contains("404") && lines.iter().all(|line| !line.contains("incomplete")), "{lines:?}");
}

#[test]
fn those_who_say_nothing_are_dropped() {
    let site = Site::new(|settings| settings.idle = Duration::from_millis(50));
    for said in ["", "GET /x HT", "PRI * HT"] {
        let mut stream = site.connect();
        stream.write_all(said.as_bytes()).unwrap();
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest));
    }
}

#[test]
fn those_who_do_not_read_are_dropped() {
    let mut site = Site::new(|settings| settings.stall = Duration::from_millis(50));
    site.write("x", content(30_000_000));
    let mut stream = site.connect();
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    // It has to end although nobody reads, and long before the drain does.
    assert!(site.server.stop().refused.is_empty());
    drop(stream);
}

#[test]
fn requests_that_take_too_long() {
    let site = Site::new(|settings| {
        settings.request = Some(Duration::from_millis(100));
        settings.rate_per_connection = Some(1000);
    });
    site.write("x", content(1_000_000));
    let reply = site.get("/x", "");
    // On a busy machine the time may be over before the answer begins.
    assert!(matches!(reply.status, 200 | 408) && reply.body.len() < 1_000_000, "{}", reply.status);
}

#[test]
fn the_end_waits_for_those_under_way_and_names_those_who_refuse() {
    let mut site = Site::new(|settings| settings.drain = Duration::from_millis(100));
    site.write("x", content(30_000_000));
    let mut stream = site.connect();
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut first = [0; 1000];
    stream.read_exact(&mut first).unwrap();
    let refused = site.server.stop().refused;
    assert!(refused.len() == 1 && refused[0].contains("GET /x for "), "{refused:?}");
}

#[test]
fn the_end_lets_requests_finish() {
    let mut site = Site::new(|settings| settings.drain = Duration::from_secs(60));
    site.write("x", content(30_000_000));
    let mut stream = site.connect();
    stream.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut first = vec![0; 1000];
    stream.read_exact(&mut first).unwrap();
    let reader = std::thread::spawn(move || {
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        Reply::parse([first, rest].concat(), false)
    });
    assert!(site.server.stop().refused.is_empty());
    assert_eq!(reader.join().unwrap().body.len(), 30_000_000);
}

#[test]
fn more_connections_wait_for_their_turn() {
    let site = Site::new(|settings| settings.max_connections = 2);
    site.write("x", "hello");
    let (first, second) = (site.connect(), site.connect());
    let site = Arc::new(site);
    let other = Arc::clone(&site);
    let third = std::thread::spawn(move || other.get("/x", ""));
    drop((first, second));
    assert_eq!(third.join().unwrap().text(), "hello");
}

#[test]
fn http2_without_tls() {
    let site = Site::new(|_| {});
    let mut stream = site.connect();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    // The first frame of the server is its settings.
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).unwrap();
    assert_eq!(frame[3], 4);
}
