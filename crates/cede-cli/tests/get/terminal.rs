//! What a terminal shows, seen through a pseudo-terminal.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::run::Place;
use crate::server::Server;

/// Both ends of a terminal of 24 rows and 90 columns.
pub(crate) fn terminal() -> (File, OwnedFd) {
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    tcsetwinsize(&ours, Winsize { ws_row: 24, ws_col: 90, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
    let theirs = open(ptsname(&ours, Vec::new()).unwrap(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (File::from(ours), theirs)
}

/// Everything that `cede get` writes to a terminal, until it ends.
fn shown(place: &Place, args: &[&str], environment: &[(&str, &str)]) -> String {
    let (mut ours, theirs) = terminal();
    let args: Vec<_> = ["get"].iter().chain(args).copied().collect();
    let mut command = place.command(&args);
    let mut child = command.env("TERM", "xterm-256color").envs(environment.iter().copied()).stderr(Stdio::from(theirs)).spawn().unwrap();
    // The command holds a copy of the other end; with it gone, reading ends when the child does.
    drop(command);
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    // A terminal whose other end is closed gives an error rather than an end.
    while let Ok(count @ 1..) = ours.read(&mut buffer) {
        text.extend_from_slice(&buffer[..count]);
    }
    assert!(child.wait().unwrap().success());
    String::from_utf8(text).unwrap()
}

#[test]
fn bars_for_each_file_and_the_total() {
    let (server, place) = (Server::http(), Place::new("terminal"));
    let (a, b) = (server.url("/slow/a"), server.url("/slow/b"));
    let text = shown(&place, &[&a, &b], &[]);
    for part in ["━", "total 0/2", "50 KiB of 98 KiB", "\x1b[36m", "saved a  98 KiB", "saved b  98 KiB", "2 of 2 files"] {
        assert!(text.contains(part), "no {part:?} in {text:?}");
    }
}

#[test]
fn no_color_and_no_bars_when_asked() {
    let (server, place) = (Server::http(), Place::new("terminal-plain"));
    let text = shown(&place, &[&server.url("/slow/a")], &[("NO_COLOR", "1")]);
    assert!(text.contains('━') && !text.contains("\x1b[3") && !text.contains("\x1b[1m"), "{text:?}");
    for environment in [("TERM", "dumb"), ("CI", "true")] {
        let text = shown(&place, &["-f", &server.url("/slow/a")], &[environment]);
        assert!(text.starts_with("saved a") && !text.contains('\x1b'), "{text:?}");
    }
    let text = shown(&place, &["-f", "--progress", "lines", &server.url("/slow/a")], &[]);
    assert!(text.starts_with("saved a"), "{text:?}");
}

#[test]
fn a_window_that_changes_its_size() {
    let (server, place) = (Server::http(), Place::new("terminal-resize"));
    let (mut ours, theirs) = terminal();
    let mut command = place.command(&["get", &server.url("/slow/a")]);
    let mut child = command.env("TERM", "xterm-256color").stderr(Stdio::from(theirs)).spawn().unwrap();
    drop(command);
    let (mut text, mut buffer, mut sizes) = (Vec::new(), [0; 4096], [(24, 20), (3, 200), (1, 1), (0, 0)].into_iter());
    // With each thing that is drawn the window is another one, and that is said by the signal.
    while let Ok(count @ 1..) = ours.read(&mut buffer) {
        text.extend_from_slice(&buffer[..count]);
        if let Some((rows, columns)) = sizes.next() {
            tcsetwinsize(&ours, Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
            // It may have ended just now.
            let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::WINCH);
        }
    }
    assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&text));
    assert_eq!(place.names(), ["a"]);
}
