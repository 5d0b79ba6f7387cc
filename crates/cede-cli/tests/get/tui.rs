//! `--tui` on a pseudo-terminal: it shows, it obeys, and it gives the terminal back.

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use cede_serve::{Background, Settings};

use crate::run::{Place, Ran};
use crate::terminal::terminal;

/// Longer than anything takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// What leaves the other screen.
const RESTORED: &str = "\x1b[?1049l";

struct Session {
    child: Child,
    keys: std::fs::File,
    shown: Receiver<String>,
    text: String,
    screen: Grid,
}

/// What a terminal would show: it knows where to write, and nothing of colours.
struct Grid {
    cells: Vec<Vec<char>>,
    at: (usize, usize),
    /// An escape sequence that has not ended.
    escape: Option<String>,
}

impl Grid {
    fn new() -> Self {
        Self { cells: vec![vec![' '; 90]; 24], at: (0, 0), escape: None }
    }

    fn rows(&self) -> impl Iterator<Item = String> {
        self.cells.iter().map(|row| row.iter().collect())
    }

    fn write(&mut self, text: &str) {
        for c in text.chars() {
            match &mut self.escape {
                Some(escape) => {
                    escape.push(c);
                    if c.is_ascii_alphabetic() {
                        let escape = std::mem::take(escape);
                        self.escape = None;
                        self.obey(&escape);
                    }
                }
                None if c == '\x1b' => self.escape = Some(String::new()),
                None => {
                    if let Some(cell) = self.cells.get_mut(self.at.0).and_then(|row| row.get_mut(self.at.1)) {
                        *cell = c;
                    }
                    self.at.1 += 1;
                }
            }
        }
    }

    fn obey(&mut self, escape: &str) {
        if let Some(place) = escape.strip_prefix('[').and_then(|rest| rest.strip_suffix('H')) {
            let mut numbers = place.split(';').map(|number| number.parse().unwrap_or(1_usize) - 1);
            self.at = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
        } else if escape.ends_with('J') {
            self.cells.iter_mut().for_each(|row| row.fill(' '));
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // After a failure, nothing goes on.
        let _: Result<(), _> = self.child.kill();
        let _: Result<_, _> = self.child.wait();
    }
}

impl Session {
    fn start(place: &Place, args: &[&str]) -> Self {
        Self::of("get", place, args)
    }

    fn of(command: &str, place: &Place, args: &[&str]) -> Self {
        let (ours, theirs) = terminal();
        let args: Vec<_> = [command, "--tui"].iter().chain(args).copied().collect();
        let mut command = place.command(&args);
        let end = || Stdio::from(theirs.try_clone().unwrap());
        let child = command.env("TERM", "xterm-256color").stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        // The command holds copies of the other end; with them gone, reading ends when the child does.
        drop((command, theirs));
        let (tell, shown) = mpsc::channel();
        let mut screen = ours.try_clone().unwrap();
        std::thread::spawn(move || {
            let (mut buffer, mut read) = ([0; 4096], Vec::new());
            while let Ok(count @ 1..) = screen.read(&mut buffer) {
                read.extend_from_slice(&buffer[..count]);
                if tell.send(whole_characters(&mut read)).is_err() {
                    return;
                }
            }
        });
        Self { child, keys: ours, shown, text: String::new(), screen: Grid::new() }
    }

    /// Reads until this is on the screen.
    #[track_caller]
    fn sees(&mut self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.screen.rows().any(|row| row.contains(wanted)) {
            let Ok(more) = self.shown.recv_timeout(PATIENCE) else { panic!("it ended without {wanted:?}: {:?}", self.text) };
            self.screen.write(&more);
            self.text.push_str(&more);
            assert!(Instant::now() < deadline, "no {wanted:?} in {:#?}", self.screen.rows().collect::<Vec<_>>());
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Reads to the end. Returns the exit code and what was written last.
    fn end(mut self) -> (Option<i32>, String) {
        let deadline = Instant::now() + PATIENCE;
        while let Ok(more) = self.shown.recv_timeout(PATIENCE) {
            self.text.push_str(&more);
            assert!(Instant::now() < deadline, "it does not end: {:?}", self.text);
        }
        (self.child.wait().unwrap().code(), std::mem::take(&mut self.text))
    }
}

/// Takes what is complete; a character whose rest is still to be read stays.
fn whole_characters(read: &mut Vec<u8>) -> String {
    let whole = match std::str::from_utf8(read) {
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        _ => read.len(),
    };
    String::from_utf8_lossy(&read.drain(..whole).collect::<Vec<_>>()).into_owned()
}

#[test]
fn characters_are_read_whole() {
    for cut in 0.."é─𝄞".len() {
        let (first, rest) = "é─𝄞".as_bytes().split_at(cut);
        let mut read = first.to_vec();
        let mut text = whole_characters(&mut read);
        read.extend_from_slice(rest);
        text.push_str(&whole_characters(&mut read));
        assert_eq!((text.as_str(), read.len()), ("é─𝄞", 0));
    }
}

fn site(place: &Place) -> Background {
    let site = place.path().join("site");
    std::fs::create_dir_all(&site).unwrap();
    for name in ["a", "b"] {
        std::fs::write(site.join(name), vec![b'x'; 3_000_000]).unwrap();
    }
    let settings = Settings { address: ([127, 0, 0, 1], 0).into(), upload: true, ..Settings::new(&site) };
    Background::start(settings).unwrap()
}

#[test]
fn transfers_are_steered_by_keys() {
    let place = Place::new("tui");
    let server = site(&place);
    let mut session = Session::start(&place, &["--limit-rate", "1k", "-j", "1", &server.url("/a"), &server.url("/b")]);
    session.sees("limited by --limit-rate");
    // The second file, which waits, becomes urgent.
    session.press("j+");
    session.sees("+1");
    session.press("P");
    session.sees("paused");
    session.press("R");
    session.sees("running");
    session.press("L\r");
    let (code, text) = session.end();
    assert_eq!(code, Some(0), "{text}");
    let after = text.rsplit(RESTORED).next().unwrap();
    assert!(
        text.contains(RESTORED) && after.contains("saved a") && after.contains("saved b") && after.contains("2 of 2 files"),
        "{text:?}"
    );
    assert_eq!((place.size("a"), place.size("b")), (3_000_000, 3_000_000));
}

#[test]
fn what_is_cancelled_can_be_gone_on_with() {
    let place = Place::new("tui-cancel");
    let server = site(&place);
    let mut session = Session::start(&place, &["--limit-rate", "1k", "-j", "1", &server.url("/a"), &server.url("/b")]);
    session.sees("limited by --limit-rate");
    // The waiting one first: the other would make room for it.
    session.press("jx");
    session.sees("1 stopped");
    session.press("kx");
    let (code, text) = session.end();
    assert!(text.contains("goes on from there"), "{text:?}");
    assert_eq!((code, place.size("a"), place.size("b")), (Some(130), 0, 0));
    place.get(&[&server.url("/a")]).expect(0, &["saved a"]);
}

#[test]
fn uploads_are_steered_by_the_same_keys() {
    for how in [&["--tus"][..], &[]] {
        let place = Place::new("tui-put");
        let server = site(&place);
        ["c", "d"].iter().for_each(|name| std::fs::write(place.path().join(name), vec![b'y'; 2_000_000]).unwrap());
        let to = server.url("/in/");
        let args = [how, &["--limit-rate", "10k", "-j", "1", "c", "d", &to]].concat();
        let mut session = Session::of("put", &place, &args);
        session.sees("limited by --limit-rate");
        session.press("j+");
        session.sees("+1");
        session.press("P");
        session.sees("paused");
        session.press("R");
        session.sees("running");
        // One of its own is the stricter one.
        session.press("kl1k\r");
        session.sees("limited by its own limit");
        session.press("l\rL\r");
        let (code, text) = session.end();
        let after = text.rsplit(RESTORED).next().unwrap();
        assert!(code == Some(0) && after.contains("saved c") && after.contains("saved d") && after.contains("2 of 2 files"), "{text:?}");
        for name in ["c", "d"] {
            assert!(std::fs::read(place.path().join("site/in").join(name)).unwrap() == vec![b'y'; 2_000_000]);
        }
    }
}

#[test]
fn a_cancelled_upload_goes_on_with_the_same_command() {
    let place = Place::new("tui-put-cancel");
    let server = site(&place);
    ["c", "d"].iter().for_each(|name| std::fs::write(place.path().join(name), vec![b'y'; 2_000_000]).unwrap());
    let to = server.url("/in/");
    let mut session = Session::of("put", &place, &["--tus", "--limit-rate", "10k", "-j", "1", "c", "d", &to]);
    session.sees("limited by --limit-rate");
    session.press("jx");
    session.sees("1 stopped");
    session.press("kx");
    let (code, text) = session.end();
    assert!(code == Some(130) && text.contains("the same command goes on with it") && text.contains("not started"), "{text:?}");
    Ran::of(place.command(&["put", "--tus", "c", "d", &to]).output().unwrap()).expect(0, &["saved c", "saved d"]);
    assert!(std::fs::read(place.path().join("site/in/c")).unwrap() == vec![b'y'; 2_000_000]);
}

#[test]
fn ctrl_c_ends_it_in_good_order() {
    let place = Place::new("tui-quit");
    let server = site(&place);
    let mut session = Session::start(&place, &["--limit-rate", "1k", &server.url("/a")]);
    session.sees("limited by --limit-rate");
    session.press("\x03");
    let (code, text) = session.end();
    assert!(text.contains(RESTORED) && text.contains("what came is kept in"), "{text:?}");
    assert_eq!(code, Some(130));
}

#[test]
fn without_a_terminal_there_is_a_clear_error() {
    let place = Place::new("tui-none");
    place.get(&["--tui", "http://localhost:1/a"]).expect(2, &["--tui needs a terminal"]);
    for command in [&["get", "--tui", "--json", "http://localhost:1/a"][..], &["put", "--tui", "--json", "a", "http://localhost:1/a"]] {
        assert_eq!(Ran::of(place.command(command).output().unwrap()).code, Some(2));
    }
    Ran::of(place.command(&["put", "--tui", "a", "http://localhost:1/a"]).output().unwrap()).expect(2, &["--tui needs a terminal"]);
}
