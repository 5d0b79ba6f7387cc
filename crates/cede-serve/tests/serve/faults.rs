//! Each fault does what its name says, the same each time.

use crate::client::{Reply, Site, content, read};

const SIZE: usize = 1_000_000;

fn asked(spec: &str, headers: &str) -> Reply {
    let site = Site::with_faults(spec);
    site.write("x", content(SIZE));
    site.get("/x", headers)
}

#[test]
fn bodies_that_end_early() {
    let reset = asked("reset,after=70000", "");
    assert!(reset.reset && reset.body.len() <= 70_000, "{}", reset.body.len());
    let closed = asked("truncate,after=70000", "");
    assert!(!closed.reset && closed.body == content(SIZE)[..70_000], "{}", closed.body.len());
    assert_eq!(asked("truncate,after=0", "").status, 200);
    let silent = asked("lost", "");
    assert_eq!((silent.status, silent.body.len()), (0, 0));
}

#[test]
fn other_answers() {
    let busy = asked("status=503,retry-after=soon", "");
    assert_eq!((busy.status, busy.header("retry-after")), (503, Some("soon")));
    assert_eq!(asked("redirect-loop", "").header("location"), Some("/x"));
    assert!(asked("page", "").text().contains("log in"));
}

#[test]
fn ranges_that_are_wrong() {
    let range = "Range: bytes=10-19\r\n";
    assert_eq!(asked("ignore-range", range).body.len(), SIZE);
    let wrong = |spec: &str| asked(spec, range).header("content-range").unwrap().to_owned();
    assert_eq!(wrong("wrong-total"), "bytes 10-19/1000007");
    assert_eq!(wrong("unknown-total"), "bytes 10-19/*");
    assert_eq!(wrong("wrong-start"), "bytes 11-19/1000000");
    assert_eq!(wrong("short-range=3"), "bytes 10-12/1000000");
    assert_eq!(asked("deny-ranges", range).header("accept-ranges"), Some("none"));
}

#[test]
fn validators_that_are_wrong() {
    let bare = asked("no-validators", "");
    assert_eq!((bare.header("etag"), bare.header("last-modified")), (None, None));
    assert!(asked("weak-tag", "").header("etag").unwrap().starts_with("W/\""));
    let site = Site::with_faults("new-tag");
    site.write("x", "x");
    assert_ne!(site.get("/x", "").header("etag"), site.get("/x", "").header("etag"));
    let site = Site::with_faults("change-at=3");
    site.write("x", content(SIZE));
    let tags: Vec<_> = (0..4).map(|_| site.get("/x", "")).collect();
    assert!(tags[0].body == tags[1].body && tags[1].header("etag") == tags[0].header("etag"));
    assert!(tags[2].body != tags[1].body && tags[2].header("etag") != tags[1].header("etag"));
    assert!(tags[3].body == tags[2].body && tags[3].header("etag") == tags[2].header("etag"));
    assert_eq!(tags[3].body.len(), SIZE);
}

#[test]
fn flipped_bits_are_the_same_each_time() {
    let run = || asked("flip=10%", "").body;
    let (one, other) = (run(), run());
    assert!(one == other);
    let wrong = one.iter().zip(content(SIZE)).filter(|(one, right)| *one != right).count();
    assert!((5..60).contains(&wrong), "{wrong}");
}

#[test]
fn no_length() {
    let reply = asked("no-length", "");
    assert!(reply.head.starts_with("HTTP/1.0 200") && reply.header("content-length").is_none() && reply.body == content(SIZE));
}

#[test]
fn runs_repeat() {
    let run = || {
        let site = Site::with_faults("status=503:30%;truncate=30%,after=1..9000;page=10%");
        site.write("x", content(10_000));
        (0..30).map(|_| site.get("/x", "")).map(|reply| (reply.status, reply.body.len())).collect::<Vec<_>>()
    };
    let (one, other) = (run(), run());
    assert_eq!(one, other);
    assert!(one.iter().any(|(status, _)| *status == 503) && one.iter().any(|(_, length)| (1..9001).contains(length)));
}

#[test]
fn uploads_that_break() {
    let site = Site::with_faults("reset,after=1000,tries=1;lost,tries=2");
    assert_eq!(site.ask("PUT", "/x", "", &content(5000)).status, 0);
    assert!(!site.path("x").exists());
    // Done, but nobody hears of it.
    assert_eq!(site.ask("PUT", "/x", "", &content(5000)).status, 0);
    assert!(read(&site.path("x")) == content(5000));
    assert_eq!(site.ask("PUT", "/x", "", &content(5000)).status, 204);
}

#[test]
fn faults_are_counted() {
    let mut site = Site::with_faults("status=503,tries=1..2;redirect-loop,tries=2..3");
    (0..4).for_each(|_| drop(site.get("/x", "")));
    assert_eq!(site.server.stop().faults, [("redirect-loop", 2), ("status", 2)]);
}
