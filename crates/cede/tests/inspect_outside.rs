//! Looking into a process from outside: by SIGQUIT and by the socket. The process is this test program again, running the one test that is ignored otherwise.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// What is looked into: one worker spins, a task waits, and nothing else answers.
#[test]
#[ignore = "runs until it is killed; the other tests start it"]
fn is_looked_into() {
    let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(1).max_rescued_threads(1).enable_all().build().unwrap();
    let hour = async { cede::time::sleep(Duration::from_secs(3600)).await };
    cede::task::Builder::new().name("the one that waits").spawn_on(hour, runtime.handle()).unwrap();
    // Until the first is waiting, so that it does not stay in the queue.
    while runtime.handle().dump().tasks()[0].polls == 0 {}
    runtime.spawn(async {
        // By then it is polled.
        eprintln!("ready");
        loop {
            std::hint::spin_loop();
        }
    });
    loop {
        std::thread::park();
    }
}

/// The process; killed when dropped.
struct LookedInto {
    child: Child,
    errors: BufReader<ChildStderr>,
    directory: PathBuf,
}

impl LookedInto {
    fn begin(name: &str, inspect: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("cede-inspect-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        // Whoever started the tests in the background may have them ignore the signal.
        let child = Command::new("env")
            .arg("--default-signal=QUIT")
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "is_looked_into", "--ignored", "--nocapture"])
            .env("CEDE_INSPECT", inspect)
            .env("XDG_RUNTIME_DIR", &directory)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = child.unwrap();
        let errors = BufReader::new(child.stderr.take().unwrap());
        let mut looked_into = Self { child, errors, directory };
        looked_into.lines_until(|line| line == "ready");
        looked_into
    }

    /// What it writes to the error output, up to a line.
    fn lines_until(&mut self, last: impl Fn(&str) -> bool) -> String {
        let mut text = String::new();
        loop {
            let from = text.len();
            assert!(self.errors.read_line(&mut text).unwrap() > 0, "it ended: {text}");
            if last(text[from..].trim_end()) {
                return text;
            }
        }
    }

    fn quit(&self) {
        kill_process(Pid::from_raw(self.child.id().cast_signed()).unwrap(), Signal::QUIT).unwrap();
    }

    fn socket(&self) -> PathBuf {
        self.directory.join("cede").join(self.child.id().to_string())
    }
}

impl Drop for LookedInto {
    fn drop(&mut self) {
        let _ended_before = self.child.kill();
        let _status = self.child.wait();
        let _left = std::fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn a_quit_signal_writes_a_dump_and_two_end_the_process() {
    let mut process = LookedInto::begin("quit", "");
    process.quit();
    let dump = process.lines_until(|line| line.contains("the one that waits"));
    assert!(dump.contains("cede: 2 tasks") && dump.contains(" runs on thread cede-worker"), "{dump}");
    assert_eq!(process.child.try_wait().unwrap(), None, "it goes on");
    // Two at the same time would be one, and with too long in between they are two requests.
    let status = loop {
        process.quit();
        std::thread::sleep(Duration::from_millis(100));
        if let Some(status) = process.child.try_wait().unwrap() {
            break status;
        }
    };
    assert_eq!(status.signal(), Some(Signal::QUIT.as_raw()));
}

/// Sends a request; returns the answer.
fn ask(socket: &mut BufReader<UnixStream>, request: &str) -> String {
    socket.get_mut().write_all(request.as_bytes()).unwrap();
    let mut length = String::new();
    socket.read_line(&mut length).unwrap();
    let mut text = vec![0; length.trim_end().parse().unwrap_or_else(|_| panic!("{length}"))];
    socket.read_exact(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

#[test]
fn the_socket_shows_dumps_and_who_has_the_time() {
    let process = LookedInto::begin("socket", "1");
    let mut socket = BufReader::new(UnixStream::connect(process.socket()).unwrap());
    let dump = ask(&mut socket, "dump\n");
    assert!(dump.starts_with("2 tasks\n") && dump.contains("\"the one that waits\""), "{dump}");
    // The first answer begins the counting; the one that spins is seen by some later one.
    let spins = (0..1000).find_map(|_| {
        let picture = ask(&mut socket, "top 1\n");
        let line = picture.lines().find(|line| line.starts_with("task\t"))?.split('\t').map(str::to_owned).collect::<Vec<_>>();
        std::thread::sleep(Duration::from_millis(5));
        (line[4].parse::<u32>().unwrap() > 500).then_some(line)
    });
    let spins = spins.expect("one task has most of the time");
    assert_eq!((spins[3].as_str(), spins.len()), ("running", 13), "{spins:?}");
    assert_eq!(spins[11..], ["normal", ""], "its priority and its group");
    assert!(spins[8].contains("inspect_outside.rs"), "{spins:?}");
    let picture = ask(&mut socket, "top 10\n");
    let first_words: Vec<_> = picture.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert!(first_words.contains(&"runtime") && first_words.contains(&"thread"), "{picture}");
    let runtime: Vec<_> = picture.lines().find(|line| line.starts_with("runtime")).unwrap().split('\t').collect();
    assert_eq!((runtime.len(), runtime[11]), (12, "1"), "one timer is armed: {picture}");

    let detail = ask(&mut socket, &format!("task {}\n", spins[1]));
    assert!(detail.starts_with(&format!("task {} runs on thread", spins[1])), "{detail}");
    assert_eq!(ask(&mut socket, "task 4000000000\n"), "", "there is none");

    let mut refused = BufReader::new(UnixStream::connect(process.socket()).unwrap());
    refused.get_mut().write_all(b"what\n").unwrap();
    let mut answer = String::new();
    refused.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("error: "), "{answer}");
}

#[test]
fn without_being_asked_there_is_no_socket() {
    let process = LookedInto::begin("none", "0");
    assert!(!process.socket().exists());
}
