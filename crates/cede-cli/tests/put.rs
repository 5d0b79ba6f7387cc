//! `cede put` against `cede serve`, as two programs: each way to upload, kill -9 at random moments, and what is said when it does not work.
#![forbid(unsafe_code)]

#[path = "../../cede-transfer/tests/uploads/signature.rs"]
mod signature;
#[path = "../../cede-transfer/tests/uploads/store.rs"]
mod store;

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

struct Pair {
    server: Child,
    url: String,
    dir: PathBuf,
}

fn content(size: u64, seed: u64) -> Vec<u8> {
    (0..size).map(|at| ((at + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn command(dir: &PathBuf, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cede"));
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("HOME", dir);
    // Whoever runs the tests may have settings.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"CEDE_")) {
        command.env_remove(name);
    }
    command.env("CEDE_CONFIG", "/dev/null").env_remove("XDG_STATE_HOME").env_remove("http_proxy");
    command
}

impl Pair {
    fn start(name: &str, args: &[&str]) -> Self {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(dir.join("site")).unwrap();
        let args: Vec<&str> = ["serve", "site", "--upload", "-q", "--bind", "127.0.0.1:0"].iter().chain(args).copied().collect();
        let mut server = command(&dir, &args).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().to_owned();
        Self { server, url, dir }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.dir.join(name), bytes).unwrap();
    }

    fn stored(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.dir.join("site").join(name)).unwrap_or_default()
    }

    fn put(&self, args: &[&str]) -> Output {
        let args: Vec<&str> = ["put"].iter().chain(args).copied().collect();
        command(&self.dir, &args).output().unwrap()
    }

    /// Uploads with something at standard input.
    fn pipe(&self, args: &[&str], bytes: &[u8]) -> Output {
        let args: Vec<&str> = ["put"].iter().chain(args).copied().collect();
        let mut child = command(&self.dir, &args).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(bytes).unwrap();
        child.wait_with_output().unwrap()
    }

    fn unfinished(&self) -> usize {
        std::fs::read_dir(self.dir.join(".local/state/cede/uploads")).map_or(0, Iterator::count)
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        drop(self.server.kill());
        drop(self.server.wait());
    }
}

#[track_caller]
fn expect(output: &Output, code: i32, texts: &[&str]) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    for text in texts {
        assert!(said.contains(text), "no {text:?} in:\n{said}");
    }
}

#[test]
fn all_ways() {
    let pair = Pair::start("put-ways", &[]);
    let bytes = content(2_000_000, 1);
    pair.write("a b", &bytes);
    pair.write("c", b"c");
    expect(&pair.put(&["a b", "c", &format!("{}in/", pair.url)]), 0, &["saved a b", "at http", "2 of 2 files"]);
    assert!(pair.stored("in/a b") == bytes && pair.stored("in/c") == b"c");
    expect(&pair.put(&["--tus", "--check", "a b", &format!("{}tus", pair.url)]), 0, &[]);
    expect(&pair.put(&["-c", "a b", &format!("{}tus2", pair.url)]), 0, &[]);
    assert!(pair.stored("tus") == bytes && pair.stored("tus2") == bytes);
    expect(&pair.put(&["-F", "f=@a b", "-F", "note=hello", &format!("{}form/", pair.url)]), 0, &[]);
    assert!(pair.stored("form/a b") == bytes);
    expect(&pair.pipe(&["-", &format!("{}stdin", pair.url)], &bytes), 0, &["saved stdin  1.9 MiB"]);
    expect(&pair.pipe(&["--tus", "-", &format!("{}piped", pair.url)], &content(20_000_000, 3)), 0, &["saved stdin  19 MiB"]);
    assert!(pair.stored("stdin") == bytes && pair.stored("piped") == content(20_000_000, 3));
    assert_eq!(pair.unfinished(), 0);
}

#[test]
fn a_standard_input_that_nothing_comes_from_is_no_empty_file() {
    let pair = Pair::start("put-no-stdin", &[]);
    let url = format!("{}in", pair.url);
    for (end, why) in [("<&-", "is closed"), ("0>none", "is open only for writing")] {
        for what in ["", "--tus ", "--dry-run "] {
            let script = format!("exec \"$0\" put {what}- \"$1\" {end}");
            let mut shell = Command::new("sh");
            shell.args(["-c", &script, env!("CARGO_BIN_EXE_cede"), &url]).current_dir(&pair.dir);
            shell.env("HOME", &pair.dir).env("CEDE_CONFIG", "/dev/null").env_remove("XDG_STATE_HOME").env_remove("http_proxy");
            expect(&shell.output().unwrap(), 3, &[&format!("standard input is to be uploaded, but that {why}")]);
        }
    }
    assert!(!pair.dir.join("site/in").exists());
    // One that is there and empty is an empty file.
    expect(&pair.pipe(&["-", &url], b""), 0, &[]);
    assert!(pair.dir.join("site/in").exists());
}

/// Reads a request up to its body, and returns the connection.
fn hear(listener: &std::net::TcpListener) -> BufReader<std::net::TcpStream> {
    let mut reader = BufReader::new(listener.accept().unwrap().0);
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        assert!(reader.read_line(&mut line).unwrap() > 0);
    }
    reader
}

#[test]
fn a_pipe_that_was_given_to_a_connection_that_broke_is_no_empty_file() {
    let (pair, listener) = (Pair::start("put-pipe-broken", &[]), std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let url = format!("http://{}/x", listener.local_addr().unwrap());
    let mut child = command(&pair.dir, &["put", "-", &url, "--retry-wait", "0.01"]).stdin(Stdio::piped()).spawn().unwrap();
    // Nothing has come from the pipe when the connection is closed.
    drop(hear(&listener));
    // Whoever tries again finds somebody who takes everything.
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            drop(stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"));
        }
    });
    let mut pipe = child.stdin.take().unwrap();
    // It may not be read any more.
    drop(pipe.write_all(b"something"));
    drop(pipe);
    expect(&child.wait_with_output().unwrap(), 4, &["standard input cannot be read again", "--tus"]);
}

#[test]
fn a_pipe_waits_for_the_connection() {
    // The first one is refused; the second one comes when somebody listens.
    let pair = Pair::start("put-pipe-late", &[]);
    // An address that nobody else takes a port of meanwhile.
    let place = std::net::TcpListener::bind("127.77.1.2:0").unwrap();
    let address = place.local_addr().unwrap();
    drop(place);
    let url = format!("http://{address}/x");
    let mut child =
        command(&pair.dir, &["put", "--json", "-", &url, "--retry-wait", "0.01", "--retry", "1000"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"something").unwrap();
    let mut events = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("\"retry\"") {
        line.clear();
        assert!(events.read_line(&mut line).unwrap() > 0, "no retry");
    }
    let listener = std::net::TcpListener::bind(address).unwrap();
    let mut stream = hear(&listener);
    let mut body = [0; 19];
    std::io::Read::read_exact(&mut stream, &mut body).unwrap();
    assert_eq!(&body, b"9\r\nsomething\r\n0\r\n\r\n");
    stream.get_mut().write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").unwrap();
    // Read, so that it does not end because nobody listens.
    let mut rest = String::new();
    std::io::Read::read_to_string(&mut events, &mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
}

#[test]
fn over_tls_and_http2() {
    let mut pair = Pair::start("put-tls", &[]);
    let args = ["serve", "site", "--upload", "--bind", "127.0.0.1:0", "--tls-self-signed", "-q"];
    let mut server = command(&pair.dir, &args).spawn().unwrap();
    let mut said = String::new();
    let mut reader = BufReader::new(server.stderr.take().unwrap());
    while !said.contains("-----END CERTIFICATE-----") {
        assert!(reader.read_line(&mut said).unwrap() > 0, "{said}");
    }
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    drop(std::mem::replace(&mut pair.server, server).kill());
    pair.url = line.trim().rsplit(' ').next().unwrap().to_owned();
    pair.write("ca.pem", &said.as_bytes()[said.find("-----BEGIN").unwrap()..]);
    let names: Vec<String> = (0..20).map(|n| format!("file-{n}")).collect();
    names.iter().enumerate().for_each(|(n, name)| pair.write(name, &content(300_000, n as u64)));
    for how in [&["--check"][..], &["--tus"], &["--http1"]] {
        let to = format!("{}{}/", pair.url, how[0].trim_matches('-'));
        let args: Vec<&str> =
            ["--cacert", "ca.pem"].iter().chain(how).copied().chain(names.iter().map(String::as_str)).chain([to.as_str()]).collect();
        expect(&pair.put(&args), 0, &["20 of 20 files"]);
        for (n, name) in names.iter().enumerate() {
            assert!(pair.stored(&format!("{}/{name}", how[0].trim_matches('-'))) == content(300_000, n as u64), "{how:?} {name}");
        }
    }
}

#[test]
fn what_goes_wrong_is_told() {
    let pair = Pair::start("put-wrong", &["--max-upload", "1000"]);
    pair.write("large", &content(2000, 1));
    pair.write("small", b"small");
    let url = format!("{}x", pair.url);
    expect(&pair.put(&["large", &url]), 7, &[&url, "413", "larger than the server takes"]);
    expect(&pair.put(&["--tus", "large", &url]), 7, &["413"]);
    expect(&pair.put(&["none", &url]), 3, &["none"]);
    expect(&pair.put(&["small", &url]), 0, &[]);
    expect(&pair.put(&["-n", "small", &url]), 13, &["--no-clobber"]);
    expect(&pair.put(&["small", "nonsense"]), 2, &["is not a URL"]);
    expect(&pair.put(&["--retry", "0", "small", "http://127.0.0.1:1/x"]), 4, &["could not connect"]);
}

#[test]
fn limits_are_kept_also_for_what_comes_from_a_pipe() {
    let pair = Pair::start("put-limits", &[]);
    let (url, bytes) = (format!("{}x", pair.url), content(300_000, 1));
    for (how, word) in [("--limit-rate", "rate"), ("--limit-rate-host", "host-rate")] {
        for tus in [&[][..], &["--tus"], &["--tus", "--check"]] {
            let args: Vec<&str> = ["--json", how, "256k", "-", &url].iter().chain(tus).copied().collect();
            let output = pair.pipe(&args, &bytes);
            expect(&output, 0, &[]);
            // How long it takes is tested where time is no matter; here it is that the limit got there.
            let told = String::from_utf8_lossy(&output.stdout);
            let done = told.lines().find(|line| line.contains("\"done\"")).unwrap();
            assert!(done.contains(&format!("\"{word}\":")), "{args:?}: {done}");
            assert!(pair.stored("x") == bytes);
        }
    }
}

#[test]
fn few_files_may_be_open() {
    let pair = Pair::start("put-few-files", &[]);
    let names: Vec<String> = (0..100).map(|n| format!("file-{n}")).collect();
    names.iter().enumerate().for_each(|(n, name)| pair.write(name, &content(5000, n as u64)));
    for how in ["--check", "--tus"] {
        let to = format!("{}{}/", pair.url, how.trim_matches('-'));
        let mut limited = Command::new("sh");
        let script = format!("ulimit -n 48 && exec \"$0\" put -q -j 64 {how} file-* \"$1\"");
        limited.args(["-c", &script, env!("CARGO_BIN_EXE_cede"), &to]).current_dir(&pair.dir);
        limited.env("HOME", &pair.dir).env("CEDE_CONFIG", "/dev/null").env_remove("XDG_STATE_HOME").env_remove("http_proxy");
        expect(&limited.output().unwrap(), 0, &[]);
        for (n, name) in names.iter().enumerate() {
            assert!(pair.stored(&format!("{}/{name}", how.trim_matches('-'))) == content(5000, n as u64), "{how} {name}");
        }
    }
    assert_eq!(pair.unfinished(), 0);
}

/// How many times a process is killed; `CEDE_CRASHES` says otherwise.
fn crashes() -> u64 {
    std::env::var("CEDE_CRASHES").map_or(12, |text| text.parse().unwrap())
}

/// Starts the command and kills it; what is tested is that the moment does not matter.
fn crash(mut command: Command, n: u64) {
    let mut child = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(5 + n.wrapping_mul(0x9e37_79b9_7f4a_7c15) % 200));
    drop(child.kill());
    child.wait().unwrap();
}

#[test]
fn kill_9_at_random_moments_then_the_same_command() {
    const SIZE: u64 = 8_000_000;
    for how in ["--tus", "--check"] {
        let pair = Pair::start(&format!("put-crash{how}"), &[]);
        let bytes = content(SIZE, 1);
        pair.write("file", &bytes);
        let url = format!("{}file", pair.url);
        let line = ["put", "-q", how, "--limit-rate", "20M", "file", &url];
        for n in 0..crashes() {
            crash(command(&pair.dir, &line), n);
            // There is nothing under this name, or all of it.
            let stored = pair.stored("file");
            assert!(stored.is_empty() || stored == bytes, "{how}: after {n} crashes");
        }
        expect(&command(&pair.dir, &line).output().unwrap(), 0, &[]);
        assert!(pair.stored("file") == bytes);
        assert_eq!(pair.unfinished(), 0);
    }
}

#[test]
fn kill_9_at_random_moments_of_an_upload_in_parts() {
    const SIZE: u64 = 8_000_000;
    const PARTS: u64 = 16;
    const WIDTH: u64 = 4;
    let (pair, stand) = (Pair::start("put-crash-parts", &[]), store::Stand::start(vec![]));
    let bytes = content(SIZE, 1);
    pair.write("file", &bytes);
    let endpoint = format!("http://{}", stand.address);
    let line = ["put", "-q", "--limit-rate", "20M", "--part-size", "500000", "--s3-endpoint", &endpoint, "file", "s3://bucket/file"];
    let command = || {
        let mut command = command(&pair.dir, &line);
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", store::SECRET).env_remove("AWS_SESSION_TOKEN");
        command
    };
    for n in 0..crashes() {
        crash(command(), n);
        assert!(stand.object().is_none_or(|object| object == bytes), "after {n} crashes");
    }
    expect(&command().output().unwrap(), 0, &[]);
    assert!(stand.object().is_some_and(|object| object == bytes) && stand.unsigned() == 0);
    // What a crash can cost is what was on its way.
    let objects = u64::from(stand.completed());
    let stored = stand.stored().len() as u64;
    assert!(stored <= objects * PARTS + crashes() * WIDTH, "{stored} parts for {objects} objects");
    assert_eq!(pair.unfinished(), 0);
}

#[test]
fn cede_resume_goes_on_with_uploads() {
    let pair = Pair::start("put-resume", &["--fault", "reset,after=1M,method=PATCH,tries=1"]);
    let bytes = content(3_000_000, 1);
    pair.write("file", &bytes);
    let url = format!("{}file", pair.url);
    expect(&pair.put(&["--retry", "0", "--tus", "file", &url]), 4, &["the same command goes on"]);
    assert_eq!(pair.unfinished(), 1);
    expect(&command(&pair.dir, &["resume", "site"]).output().unwrap(), 0, &["nothing to resume"]);
    expect(&command(&pair.dir, &["resume"]).output().unwrap(), 0, &["saved file", "1.0 MiB were there"]);
    assert!(pair.stored("file") == bytes && pair.unfinished() == 0);
}

#[test]
fn cede_resume_goes_on_with_uploads_in_parts() {
    let script = vec![("part", 3, store::Fault::Denied)];
    let (pair, stand) = (Pair::start("put-resume-parts", &[]), store::Stand::start(script));
    let bytes = content(2_000_000, 1);
    pair.write("file", &bytes);
    let endpoint = format!("http://{}", stand.address);
    let line =
        ["put", "--part-size", "500000", "--parts", "1", "--s3-endpoint", &endpoint, "--journals", "kept", "file", "s3://bucket/file"];
    let run = |args: &[&str], has_login: bool| {
        let mut command = command(&pair.dir, args);
        command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").env_remove("AWS_SESSION_TOKEN");
        if has_login {
            command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", store::SECRET);
        }
        command.output().unwrap()
    };
    let failed = run(&line, true);
    assert!(!failed.status.success() && stand.stored() == [1, 2], "{failed:?}");
    expect(&run(&["resume"], true), 0, &["nothing to resume"]);
    expect(&run(&["resume", "--journals", "kept"], false), 14, &["s3://bucket/file: not complete", "set AWS_ACCESS_KEY_ID"]);
    let mut another = command(&pair.dir, &["resume", "--journals", "kept"]);
    another.env("AWS_ACCESS_KEY_ID", "another").env("AWS_SECRET_ACCESS_KEY", store::SECRET).env_remove("AWS_SESSION_TOKEN");
    expect(&another.output().unwrap(), 14, &["not complete", "another login"]);
    expect(&run(&["resume", "--journals", "kept"], true), 0, &["saved file", "were there"]);
    // What was missing went at the same time, so in any order.
    let mut stored = stand.stored();
    stored.sort_unstable();
    assert!(stand.object().is_some_and(|object| object == bytes));
    assert_eq!(stored, [1, 2, 3, 4]);
    expect(&run(&["resume", "--journals", "kept"], true), 0, &["nothing to resume"]);
}

#[test]
fn what_was_not_to_be_replaced_is_not_replaced_by_resume() {
    let pair = Pair::start("put-resume-new", &["--fault", "status=500,method=PATCH,tries=1"]);
    pair.write("file", &content(300_000, 1));
    let url = format!("{}file", pair.url);
    expect(&pair.put(&["--retry", "0", "-n", "--tus", "file", &url]), 8, &["the same command goes on"]);
    // The server forgets the upload, and somebody else comes first.
    std::fs::write(pair.dir.join("site/file"), "another").unwrap();
    let kept = pair.dir.join(".local/state/cede/uploads");
    let journal = std::fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
    assert!(std::fs::read_to_string(journal).unwrap().contains("only-new=1"));
    let output = command(&pair.dir, &["resume", "--retry", "0"]).output().unwrap();
    assert!(!output.status.success() && pair.stored("file") == b"another", "{output:?}");
}

#[test]
fn cede_resume_goes_on_with_as_many_uploads_at_a_time_as_it_is_told() {
    // Two requests at a time would get a 503, which is not tried again.
    let pair = Pair::start("put-resume-width", &["--fault", "status=500,method=PATCH,tries=1;connections=1;delay=20ms"]);
    let names: Vec<String> = (0..6).map(|n| format!("file-{n}")).collect();
    names.iter().for_each(|name| pair.write(name, &content(300_000, 1)));
    let to = format!("{}in/", pair.url);
    let args: Vec<&str> =
        ["--retry", "0", "-j", "1", "--tus"].into_iter().chain(names.iter().map(String::as_str)).chain([to.as_str()]).collect();
    expect(&pair.put(&args), 8, &["0 of 6 files"]);
    assert_eq!(pair.unfinished(), 6);
    expect(&command(&pair.dir, &["resume", "--retry", "0", "--uploads", "1"]).output().unwrap(), 0, &["6 of 6 files"]);
    assert!(names.iter().all(|name| pair.stored(&format!("in/{name}")) == content(300_000, 1)));
}

/// Uploads a file to a store; `limit` is for the shell that begins it.
fn put_to_store(pair: &Pair, stand: &store::Stand, limit: &str) -> Output {
    let endpoint = format!("http://{}", stand.address);
    let script = format!("{limit} exec \"$0\" put -q --s3-endpoint \"$1\" file s3://bucket/file");
    let mut limited = Command::new("sh");
    limited.args(["-c", &script, env!("CARGO_BIN_EXE_cede"), &endpoint]).current_dir(&pair.dir);
    limited.env("HOME", &pair.dir).env("CEDE_CONFIG", "/dev/null").env_remove("XDG_STATE_HOME").env_remove("CEDE_UPLOADS");
    limited.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", store::SECRET).env_remove("AWS_SESSION_TOKEN");
    limited.output().unwrap()
}

/// A journal may be no longer than nothing.
const NO_JOURNAL: &str = "ulimit -f 0 &&";

#[test]
fn an_upload_that_cannot_be_written_down_is_taken_back() {
    let (pair, stand) = (Pair::start("put-no-journal", &[]), store::Stand::start(vec![]));
    pair.write("file", &content(3_000_000, 1));
    expect(&put_to_store(&pair, &stand, NO_JOURNAL), 3, &["could not write the journal"]);
    assert_eq!((stand.asked("begin"), stand.asked("part"), stand.asked("abort"), stand.left()), (1, 0, 1, 0));
    assert_eq!(pair.unfinished(), 0);
}

#[test]
fn a_successor_that_cannot_be_written_down_is_taken_back() {
    let script = vec![("part", 1, store::Fault::Denied), ("list", 1, store::Fault::Forget)];
    let (pair, stand) = (Pair::start("put-no-successor", &[]), store::Stand::start(script));
    pair.write("file", &content(3_000_000, 1));
    let output = put_to_store(&pair, &stand, "");
    assert!(!output.status.success() && pair.unfinished() == 1 && stand.left() == 1);
    let output = put_to_store(&pair, &stand, NO_JOURNAL);
    expect(&output, 3, &["could not write the journal"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("goes on"), "{said}");
    assert_eq!((stand.asked("begin"), stand.asked("part"), stand.asked("abort"), stand.left()), (2, 1, 1, 0));
    assert_eq!(pair.unfinished(), 0);
}
