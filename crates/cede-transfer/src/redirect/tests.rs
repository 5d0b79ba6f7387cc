//! Chains that are followed and chains that are not.

use url::Url;

use super::{Policy, Refusal, Trail, is_redirect};

const STRICT: Policy = Policy { limit: 10, downgrade: false };

fn trail(start: &str) -> Trail {
    Trail::new(Url::parse(start).unwrap(), STRICT)
}

fn follow(trail: &mut Trail, location: &str) -> Result<String, Refusal> {
    trail.follow(Some(location.as_bytes())).map(|url| url.as_str().to_owned())
}

#[test]
fn relative_locations() {
    let mut trail = trail("http://h/a/b?q#f");
    assert_eq!(trail.current().as_str(), "http://h/a/b?q");
    assert_eq!(follow(&mut trail, "c").unwrap(), "http://h/a/c");
    assert_eq!(follow(&mut trail, "/d#x").unwrap(), "http://h/d");
    assert_eq!(follow(&mut trail, "//other/e").unwrap(), "http://other/e");
    assert_eq!(follow(&mut trail, "?q=1").unwrap(), "http://other/e?q=1");
    assert_eq!(follow(&mut trail, "https://safe/f").unwrap(), "https://safe/f");
    assert_eq!(trail.current().as_str(), "https://safe/f");
}

#[test]
fn a_refused_hop_changes_nothing() {
    let mut trail = trail("https://h/");
    assert_eq!(follow(&mut trail, "http://h/x"), Err(Refusal::Downgrade("http://h/x".into())));
    assert_eq!(trail.current().as_str(), "https://h/");
    assert_eq!(trail.follow(None).unwrap_err(), Refusal::NoLocation);
    assert_eq!(follow(&mut trail, " "), Err(Refusal::BadLocation(" ".into())));
    assert_eq!(follow(&mut trail, "http://[bad"), Err(Refusal::BadLocation("http://[bad".into())));
    assert_eq!(follow(&mut trail, "file:///etc/passwd"), Err(Refusal::Scheme("file".into())));
    assert_eq!(trail.current().as_str(), "https://h/");
}

#[test]
fn downgrade_when_allowed() {
    let mut trail = Trail::new(Url::parse("https://h/").unwrap(), Policy { limit: 10, downgrade: true });
    assert_eq!(follow(&mut trail, "http://h/x").unwrap(), "http://h/x");
}

#[test]
fn loops_are_seen_at_once() {
    let mut trail = trail("http://h/a");
    follow(&mut trail, "/b").unwrap();
    assert_eq!(follow(&mut trail, "/a#again"), Err(Refusal::Loop("http://h/a".into())));
    assert_eq!(follow(&mut trail, "/b"), Err(Refusal::Loop("http://h/b".into())));
}

#[test]
fn the_limit_counts_redirects() {
    let mut trail = trail("http://h/0");
    for hop in 1..=10 {
        follow(&mut trail, &format!("/{hop}")).unwrap();
    }
    assert_eq!(follow(&mut trail, "/11"), Err(Refusal::TooMany(10)));
}

#[test]
fn credentials_of_the_server_are_dropped() {
    let mut trail = trail("http://h/a");
    assert_eq!(follow(&mut trail, "http://user:secret@other/").unwrap(), "http://other/");
}

#[test]
fn only_real_redirects() {
    assert!([301, 302, 303, 307, 308].into_iter().all(is_redirect));
    assert!(![200, 300, 304, 305, 306, 404].into_iter().any(is_redirect));
}
