//! Cookies in redirects and between downloads, against a server that sets them.
#![forbid(unsafe_code)]

#[path = "faults/origin.rs"]
mod origin;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cede_transfer::IfExists;
use cede_transfer::cookies::Cookies;
use cede_transfer::engine::{Check, Engine, Job, Output, Settings, Silent, Stop};
use hyper::header::{COOKIE, HeaderValue};
use origin::{Fault, Origin, Setup};

fn setup() -> Setup {
    Setup { size: 10_000, ..Setup::default() }
}

fn settings() -> Settings {
    Settings { if_exists: IfExists::Overwrite, ..Settings::default() }
}

fn place(name: &str) -> PathBuf {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("cookies-{name}"));
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Downloads one after the other with one engine; returns whether all came.
fn fetch(settings: Settings, dir: &Path, urls: &[String]) -> bool {
    cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
        let engine = Engine::new(settings);
        let mut all = true;
        for (number, url) in urls.iter().enumerate() {
            let output = Output::Named { dir: dir.to_owned(), name: number.to_string() };
            let job = Job { url: url.parse().unwrap(), mirrors: Vec::new(), output, check: Check::Size };
            all &= engine.download(job, Arc::new(Silent), Stop::never()).await.is_ok();
        }
        all
    })
}

fn cookies(origin: &Origin) -> Vec<Option<String>> {
    origin.asked().into_iter().map(|asked| asked.cookie).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn a_redirect_to_itself_that_sets_a_cookie_is_no_loop() {
    let dir = place("wall");
    let origin = Origin::start(setup(), vec![Fault::Redirect("/file\r\nSet-Cookie: seen=1; Path=/".to_owned())]);
    assert!(fetch(settings(), &dir, &[origin.url("/file"), origin.url("/other")]));
    assert_eq!(cookies(&origin), [None, some("seen=1"), some("seen=1")]);
}

#[test]
fn the_same_cookie_again_is_a_loop() {
    let origin = Origin::start(setup(), vec![Fault::Redirect("/file\r\nSet-Cookie: seen=1".to_owned()); 30]);
    assert!(!fetch(settings(), &place("loop"), &[origin.url("/file")]));
    assert_eq!(origin.asked().len(), 2);
}

#[test]
fn other_sites_get_nothing() {
    let other = Origin::start(setup(), vec![]);
    // The same machine under another name.
    let elsewhere = other.url("/file").replace("127.0.0.1", "localhost");
    let origin = Origin::start(setup(), vec![Fault::Redirect(format!("{elsewhere}\r\nSet-Cookie: seen=1; Path=/"))]);
    let mut settings = settings();
    settings.credentials.headers.insert(COOKIE, HeaderValue::from_static("mine=0"));
    assert!(fetch(settings, &place("sites"), &[origin.url("/file"), origin.url("/file")]));
    assert_eq!(cookies(&origin), [some("mine=0"), some("mine=0; seen=1")]);
    assert_eq!(cookies(&other), [None]);
}

#[test]
fn a_jar_that_refuses_makes_no_difference() {
    let origin = Origin::start(Setup { headers: "Set-Cookie: seen=1\r\n".to_owned(), ..setup() }, vec![]);
    let refused = Settings { cookies: Cookies::refused(), ..settings() };
    assert!(fetch(refused, &place("refused"), &[origin.url("/a"), origin.url("/b")]));
    assert_eq!(cookies(&origin), [None, None]);
}
