//! Lists, pipes, mirrors, proxies, `resume`, `probe` and `verify`.

use std::io::{Read, Write};
use std::process::Stdio;

use crate::origin::{Fault, Origin, Setup};
use crate::run::{Place, Ran, by_itself};
use crate::server::{Server, data};

const SIZE: usize = 3_000_000;

fn limited() -> Setup {
    Setup { size: SIZE, speed: Some(6_000_000), ..Setup::default() }
}

#[test]
fn a_list_from_a_file_and_from_standard_input() {
    let (server, place) = (Server::http(), Place::new("list"));
    let list = format!("# two\n{}\n\n{}\n  out=sub/named\nnonsense\n", server.url("/data/9/a"), server.url("/data/8/b"));
    place.write("list", &list);
    place.get(&["-i", "list"]).expect(1, &["saved a", "saved named", "line 6 of the list: nonsense is not a URL", "2 of 3 files"]);
    assert_eq!((place.read("a"), place.read("sub/named")), (data(9), data(8)));
    let mut child = place.command(&["get", "-f", "-i", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(server.url("/data/7/c").as_bytes()).unwrap();
    Ran::of(child.wait_with_output().unwrap()).expect(0, &["saved c"]);
    place.get(&["-i", "missing"]).expect(2, &["--input missing"]);
}

#[test]
fn a_standard_input_that_nothing_comes_from_is_no_list() {
    let place = Place::new("list-none");
    for (end, why) in [("<&-", "is closed"), ("0>none", "is open only for writing")] {
        for what in ["-i -", "-i /dev/stdin", "--dry-run -i -"] {
            let mut command = std::process::Command::new("sh");
            let script = format!("exec \"$0\" get {what} {end}");
            by_itself(&mut command).args(["-c", &script, env!("CARGO_BIN_EXE_cede")]).current_dir(place.path());
            Ran::of(command.output().unwrap()).expect(3, &[&format!("--input - reads standard input, but that {why}")]);
        }
    }
    place.get(&["-i", "/dev/null"]).expect(0, &[]);
}

#[test]
fn a_long_list_is_not_loaded() {
    // The list never ends; what it named at first is there before.
    let (server, place) = (Server::http(), Place::new("endless"));
    let mut child = place.command(&["get", "-q", "-j2", "-i", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    let mut list = child.stdin.take().unwrap();
    writeln!(list, "{}\n{}", server.url("/data/5/first"), server.url("/data/5/second")).unwrap();
    let start = std::time::Instant::now();
    while !place.names().contains(&"first".to_owned()) {
        assert!(start.elapsed().as_secs() < 60, "nothing came");
        std::thread::yield_now();
    }
    drop(list);
    Ran::of(child.wait_with_output().unwrap()).expect(0, &[]);
    assert_eq!(place.names(), ["first", "second"]);
}

#[test]
fn a_pipe_gets_everything_in_order() {
    let place = Place::new("pipe");
    for script in [vec![], vec![Fault::Close(1_000_000)], vec![Fault::None, Fault::Close(100_000)]] {
        let origin = Origin::start(limited(), script);
        let out = place.command(&["get", "-o", "-", "--min-split", "64k", "--retry", "3", &origin.url("/file")]).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        assert!(out.stdout == origin.content(0));
        assert!(place.names().is_empty());
    }
}

#[test]
fn what_is_no_file_takes_the_bytes_in_order() {
    let place = Place::new("device");
    let origin = Origin::start(limited(), vec![Fault::Close(1_000_000)]);
    let url = origin.url("/file");
    place.get(&["-o", "/dev/null", "--retry", "3", &url]).expect(0, &["saved file  2.9 MiB"]);
    place.get(&["-o", "/dev/full", &url]).expect(3, &["could not pass on what has come: No space left"]);
    let pipe = place.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let reader = std::thread::spawn(move || std::fs::read(pipe).unwrap());
    place.get(&["-o", "pipe", "--min-split", "64k", &url]).expect(0, &["saved file"]);
    assert!(reader.join().unwrap() == origin.content(0));
    assert_eq!(place.names(), ["pipe"]);
}

/// A named pipe, and its reader.
struct Fifo(rustix::fd::OwnedFd);

impl Fifo {
    fn new(path: &std::path::Path) -> Self {
        rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        let flags = rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::NONBLOCK;
        Self(rustix::fs::open(path, flags, rustix::fs::Mode::empty()).unwrap())
    }

    /// Only where there was a writer, its end is told.
    fn has_ended(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let mut polled = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut polled, Some(&Timespec::default())).unwrap();
        polled[0].revents().contains(PollFlags::HUP)
    }
}

#[test]
fn the_reader_of_a_named_pipe_sees_the_end_of_an_empty_file() {
    let (server, place) = (Server::http(), Place::new("pipe-empty"));
    let fifo = Fifo::new(&place.path().join("pipe"));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert!(!fifo.has_ended());
    place.get(&["-o", "pipe", &server.url("/data/0/empty")]).expect(0, &["saved"]);
    assert!(fifo.has_ended());
    place.get(&["-o", "pipe", "--sha256", empty, &server.url("/data/0/empty")]).expect(0, &["sha-256 right"]);
}

#[test]
fn the_reader_of_a_named_pipe_waits_on_while_it_is_only_said_what_would_be_done() {
    let (server, place) = (Server::http(), Place::new("pipe-rehearsal"));
    let fifo = Fifo::new(&place.path().join("pipe"));
    let ran = place.get(&["--dry-run", "-o", "pipe", &server.url("/data/0/empty")]);
    ran.expect(0, &[]);
    assert!(ran.out.contains("target:      pipe, in order") && !fifo.has_ended(), "{}", ran.out);
}

#[test]
fn the_reader_of_a_named_pipe_sees_the_end_of_what_fails_before_its_first_byte() {
    let place = Place::new("pipe-fails");
    let fifo = Fifo::new(&place.path().join("pipe"));
    let fails = || place.get(&["-o", "pipe", "--retry", "0", "http://127.0.0.1:1/x"]).expect(4, &["could not connect"]);
    assert!(!fifo.has_ended());
    fails();
    assert!(fifo.has_ended());
    // Where nobody reads, nobody is waited for.
    drop(fifo);
    fails();
}

#[test]
fn a_directory_is_no_name_for_a_file() {
    let (server, place) = (Server::http(), Place::new("is-directory"));
    std::fs::create_dir(place.path().join("d")).unwrap();
    let url = server.url("/data/9/f");
    for force in [&[][..], &["-f"]] {
        place.get(&[force, &["-o", "d", &url]].concat()).expect(3, &["d is a directory", "--dir d puts the file into it"]);
    }
    place.get(&["-d", "d", &url]).expect(0, &["saved f"]);
    place.get(&["-d", "d/f", &url]).expect(3, &["d/f is not a directory", "--dir"]);
    assert_eq!(place.names(), ["d"]);
}

#[test]
fn a_pipe_whose_reader_has_gone() {
    let (origin, place) = (Origin::start(limited(), vec![]), Place::new("pipe-closed"));
    let mut child = place.command(&["get", "-o", "-", &origin.url("/file")]).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0; 1000]).unwrap();
    drop(out);
    Ran::of(child.wait_with_output().unwrap()).expect(3, &["could not pass on what has come"]);
}

#[test]
fn a_standard_output_that_takes_nothing_is_no_place_for_a_file() {
    let (server, place) = (Server::http(), Place::new("pipe-none"));
    let run = |end: &str| {
        let script = format!("exec \"$0\" get \"$1\" {end}");
        let mut command = std::process::Command::new("sh");
        by_itself(&mut command).args(["-c", &script, env!("CARGO_BIN_EXE_cede"), &server.url("/data/9/f")]).current_dir(place.path());
        Ran::of(command.output().unwrap())
    };
    run("-o - >/dev/null").expect(0, &[]);
    // As other programs give it to their children.
    run("-o - 1<>/dev/null").expect(0, &[]);
    run("-o - >&-").expect(3, &["--output - writes to standard output, but that is closed"]);
    run("-o - 1</dev/null").expect(3, &["--output - writes to standard output, but that is open only for reading"]);
    // Where nothing has to go there, it does not matter.
    run("-o f >&-").expect(0, &["saved f"]);
    run("-o - >/dev/full").expect(3, &["could not write to standard output: No space left"]);
}

#[test]
fn another_name_of_standard_output_is_standard_output() {
    let (server, place) = (Server::http(), Place::new("pipe-names"));
    let url = server.url("/data/9/f");
    let run = |what: &str, end: &str| {
        let script = format!("exec \"$0\" get {what} \"$1\" {end}");
        let mut command = std::process::Command::new("sh");
        by_itself(&mut command).args(["-c", &script, env!("CARGO_BIN_EXE_cede"), &url]).current_dir(place.path());
        Ran::of(command.output().unwrap())
    };
    // A link of the test's own, so that nobody's `/dev/stdout` is at stake.
    std::os::unix::fs::symlink("/dev/stdout", place.path().join("out")).unwrap();
    let pipe = place.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    for name in ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1", "out"] {
        run(&format!("-o {name}"), ">&-").expect(3, &["writes to standard output, but that is closed"]);
        run(&format!("-o {name}"), "1</dev/null").expect(3, &["writes to standard output, but that is open only for reading"]);
        for what in ["--json", "--tui"] {
            run(&format!("{what} -o {name}"), "").expect(2, &[&format!("{what} and --output - both want standard output")]);
        }
        // A file behind it is not what is named.
        run(&format!("-o {name}"), ">file").expect(0, &[]);
        assert_eq!(place.read("file"), data(9));
        let ran = run(&format!("--dry-run -o {name}"), "");
        assert!(ran.out.contains("target:      standard output, in order"), "{}", ran.out);
    }
    // The shell opens it both ways, so that nobody has to be at its other end.
    run("--json -o pipe", "1<>pipe").expect(2, &["--json and --output - both want standard output"]);
    // Other descriptors: a file would take the place of the link.
    std::os::unix::fs::symlink("/dev/fd/3", place.path().join("three")).unwrap();
    for name in ["/dev/fd/3", "three"] {
        run(&format!("-f -o {name}"), "3>file").expect(2, &["names a descriptor, not a file"]);
        run(&format!("-f -o {name}"), "3>/dev/null").expect(0, &["saved f"]);
    }
    assert!(std::fs::symlink_metadata(place.path().join("three")).unwrap().is_symlink());
    // What keeps nothing mixes nothing.
    run("--json -o /dev/null", ">/dev/null").expect(0, &[]);
    run("-o /dev/null", ">&-").expect(0, &["saved f"]);
    assert!(std::fs::symlink_metadata(place.path().join("out")).unwrap().is_symlink());
    assert_eq!(place.names(), ["file", "out", "pipe", "three"]);
}

#[test]
fn a_product_that_nobody_gets_is_a_failure() {
    let (server, place) = (Server::http(), Place::new("out-none"));
    place.write("f", "hello world");
    let url = server.url("/data/9/g");
    let run = |what: &str, end: &str| {
        let mut command = std::process::Command::new("sh");
        let script = format!("exec \"$0\" {what} {end}");
        by_itself(&mut command).args(["-c", &script, env!("CARGO_BIN_EXE_cede")]).current_dir(place.path());
        Ran::of(command.output().unwrap())
    };
    for what in [
        "sum f",
        "verify f",
        &format!("probe {url}"),
        &format!("get -f --json {url}"),
        "completions bash",
        "man",
        &format!("get -f --dry-run {url}"),
    ] {
        run(what, ">/dev/null").expect(0, &[]);
        run(what, "1<>/dev/null").expect(0, &[]);
        run(what, ">&-").expect(3, &["could not write to standard output: it is closed"]);
        run(what, "1</dev/null").expect(3, &["could not write to standard output: it is open only for reading"]);
        run(what, ">/dev/full").expect(3, &["could not write to standard output: No space left"]);
    }
    // Nor is it half an answer that nothing comes from.
    for what in ["sum -", "sum /dev/stdin", "verify -", "verify --list -"] {
        run(what, "<&-").expect(3, &["standard input is to be read, but that is closed"]);
        run(what, "0>none").expect(3, &["standard input is to be read, but that is open only for writing"]);
    }
    run("sum --pieces=1k -", "<f").expect(2, &["standard input has no place"]);
    run("sum --pieces=1k /dev/null", "").expect(3, &["/dev/null is not a file"]);
    let sum = run("sum f", "").out;
    let digits = sum.strip_suffix("  f\n").unwrap();
    assert_eq!([run("sum -", "<f").out, run("verify /dev/stdin", "<f").out], [format!("{digits}  -\n"), format!("{digits}  /dev/stdin\n")]);
    place.write("list", &format!("{}  f\n", digits.strip_prefix("sha256:").unwrap()));
    run("verify --list -", "<list").expect(0, &[]);
    // Its own code is worth more.
    assert_eq!(run("verify --sum md5:00000000000000000000000000000000 f", ">&-").code, Some(10));
    assert_eq!(run("sum f missing", ">&-").code, Some(1));
}

#[test]
fn what_was_passed_on_is_not_followed_by_another_version() {
    let (origin, place) = (Origin::start(limited(), vec![Fault::CloseAndChange(1_500_000)]), Place::new("pipe-change"));
    let out = place.command(&["get", "-o", "-", "--retry", "3", &origin.url("/file")]).output().unwrap();
    assert_eq!(out.status.code(), Some(11), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(origin.content(0).starts_with(&out.stdout));
}

#[test]
fn resume_goes_on_with_everything_below() {
    let script = vec![Fault::Close(2_000_000), Fault::Close(0)];
    let (origin, place) = (Origin::start(Setup::default(), script), Place::new("resume"));
    place.get(&["-d", "a/b", "--retry", "0", &origin.url("/file")]).expect(4, &["the same command goes on from there"]);
    let sent = origin.sent();
    Ran::of(place.command(&["resume"]).output().unwrap()).expect(0, &["saved file"]);
    assert!(place.read("a/b/file") == origin.content(0));
    assert_eq!(origin.sent() - sent, 1_000_000);
    Ran::of(place.command(&["resume", "a"]).output().unwrap()).expect(0, &["nothing to resume below a"]);
    Ran::of(place.command(&["resume", "missing"]).output().unwrap()).expect(3, &["missing"]);
}

#[test]
fn a_part_is_found_by_the_name_that_only_the_server_tells() {
    let headers = "Content-Disposition: attachment; filename=named.bin\r\n".to_owned();
    let (origin, place) =
        (Origin::start(Setup { headers, ..Setup::default() }, vec![Fault::Close(2_000_000), Fault::Close(0)]), Place::new("late-name"));
    place.get(&[&origin.url("/file")]).expect(4, &["named.bin.part"]);
    place.get(&[&origin.url("/file")]).expect(0, &["saved named.bin"]);
    assert!(place.read("named.bin") == origin.content(0));
    assert_eq!(place.names(), ["named.bin"]);
    assert_eq!(origin.asked().last().unwrap().range, Some((2_000_000, Some(SIZE as u64))));
}

#[test]
fn probe_tells_and_leaves_nothing() {
    let (origin, place) = (Origin::start(Setup::default(), vec![]), Place::new("probe"));
    let out = Ran::of(place.command(&["probe", &origin.url("/file.iso")]).output().unwrap());
    assert_eq!(out.code, Some(0), "{}", out.err);
    for text in ["name:        file.iso", "3000000 bytes", "ranges:      supported", "by its ETag", "\"v0\"", "HTTP/1.1", "1 to 2"] {
        assert!(out.out.contains(text), "no {text:?} in:\n{}", out.out);
    }
    assert!(place.names().is_empty());
    let missing = Origin::start(Setup::default(), vec![Fault::Status(404, "")]);
    Ran::of(place.command(&["probe", &missing.url("/x")]).output().unwrap()).expect(7, &["404"]);
}

#[test]
fn verify_compares_and_prints() {
    let place = Place::new("verify");
    place.write("f", "hello world");
    let sum = "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9";
    let verify = |args: &[&str]| Ran::of(place.command(&[&["verify"], args].concat()).output().unwrap());
    assert_eq!(verify(&["f"]).out, format!("sha256:{sum}  f\n"));
    assert_eq!(verify(&["--sum", &format!("sha256:{sum}"), "f"]).code, Some(0));
    verify(&["--sum", "md5:00000000000000000000000000000000", "f"]).expect(10, &["f: the MD5 is 5eb63bbbe01eeed093cb22bb8f5acdc3"]);
    place.write("list", &format!("{sum}  f\n"));
    assert_eq!(verify(&["--list", "list"]).code, Some(0));
    verify(&["missing"]).expect(3, &["missing"]);
    verify(&["--list", "f"]).expect(2, &["not a list of checksums"]);
}

#[test]
fn logins_and_headers_are_sent() {
    let (origin, place) = (Origin::start(Setup { login: Some("Basic bWU6cHc="), ..Setup::default() }, vec![]), Place::new("login"));
    let url = origin.url("/file");
    place.get(&[&url]).expect(6, &["401", "wants a login"]);
    place.get(&["-u", "me:pw", &url]).expect(0, &[]);
    place.write("logins", "machine 127.0.0.1 login me password pw\n");
    place.get(&["-f", "--netrc", "logins", &url]).expect(0, &[]);
    place.get(&["-f", "-H", "Authorization: Basic bWU6cHc=", &url]).expect(0, &[]);
}

#[test]
fn a_proxy_is_asked_in_place_of_the_host() {
    // The origin takes any request for its own, so it can play the proxy.
    let (proxy, place) = (Origin::start(Setup { size: 9, ..Setup::default() }, vec![]), Place::new("proxy"));
    let get = |variable: &str, url: &str| Ran::of(place.command(&["get", "-f", url]).env(variable, proxy.url("")).output().unwrap());
    get("http_proxy", "http://nowhere.invalid/f").expect(0, &["saved f"]);
    assert_eq!(proxy.asked()[0].line, "GET http://nowhere.invalid/f HTTP/1.1");
    place.get(&["-f", "--proxy", &proxy.url(""), "http://nowhere.invalid/f"]).expect(0, &[]);
    // One that cannot be found is not taken for the host.
    place
        .get(&["--proxy", "http://no-proxy.invalid:80", "http://127.0.0.1:1/f"])
        .expect(19, &["the proxy: could not resolve", "no-proxy.invalid"]);
    // It cannot make tunnels, and says so.
    get("https_proxy", "https://nowhere.invalid/f").expect(5, &["nowhere.invalid"]);
}

#[test]
fn a_proxy_that_wants_a_login_refuses_or_hangs_up() {
    let place = Place::new("proxy-refuses");
    let cases = [
        (Fault::Status(407, ""), 6, "wants a login"),
        (Fault::Status(403, ""), 7, "refused to connect to nowhere.invalid:443: status 403"),
        (Fault::Status(502, ""), 4, "could not reach nowhere.invalid:443"),
        (Fault::Garbage, 4, "does not speak HTTP"),
    ];
    for (fault, code, text) in cases {
        let proxy = Origin::start(Setup::default(), vec![fault]);
        place.get(&["--proxy", &proxy.url(""), "https://nowhere.invalid/f"]).expect(code, &["the proxy 127.0.0.1", text]);
    }
}

#[test]
fn a_tunnel_through_a_proxy() {
    let (server, place) = (Server::https(), Place::new("tunnel"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = listener.local_addr().unwrap();
    let port = server.port();
    let relay = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            client.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
        let mut target = std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (mut back, mut forth) = (target.try_clone().unwrap(), client.try_clone().unwrap());
        std::thread::spawn(move || drop(std::io::copy(&mut back, &mut forth)));
        drop(std::io::copy(&mut client, &mut target));
        String::from_utf8(head).unwrap()
    });
    let ca = crate::server::fixture("ca.pem");
    let proxy = format!("http://me:pw@{proxy}");
    place.get(&["--cacert", &ca, "--proxy", &proxy, &server.url("/data/300000/f")]).expect(0, &["saved f"]);
    let head = relay.join().unwrap();
    assert!(
        head.starts_with(&format!("CONNECT localhost:{port} HTTP/1.1\r\n")) && head.contains("Proxy-Authorization: Basic bWU6cHc="),
        "{head}"
    );
}

#[test]
fn a_limit_on_the_rate_is_for_everything_together() {
    let (origin, place) = (Origin::start(Setup { size: 500_000, ..Setup::default() }, vec![]), Place::new("rate"));
    let urls = ["/a", "/b", "/c"].map(|path| origin.url(path));
    let start = std::time::Instant::now();
    place.get(&["--limit-rate", "1M", &urls[0], &urls[1], &urls[2]]).expect(0, &["3 of 3 files"]);
    assert!(start.elapsed().as_millis() >= 1000, "{:?}", start.elapsed());
}

/// Runs the command in a shell, after something that limits it.
fn limited_by(place: &Place, before: &str, args: &[&str]) -> Ran {
    let script = format!("{before} && exec \"$0\" get \"$@\"");
    let mut command = std::process::Command::new("sh");
    by_itself(&mut command).args(["-c", &script, env!("CARGO_BIN_EXE_cede")]).args(args).current_dir(place.path()).env("CEDE_RETRY", "1");
    Ran::of(command.output().unwrap())
}

#[test]
fn files_may_be_no_larger() {
    // 2 MiB. Whether the signal that goes with it is ignored already makes no difference, nor does a size that is known to be too much beforehand.
    for (before, size, verb) in [
        ("ulimit -f 4096", 3_000_000, "write"),
        ("trap '' XFSZ && ulimit -f 4096", 3_000_000, "write"),
        ("ulimit -f 4096", 20_000_000, "reserve the room for"),
    ] {
        let (origin, place) = (Origin::start(Setup { size, ..Setup::default() }, vec![]), Place::new("file-limit"));
        let ran = limited_by(&place, before, &["-q", "-s1", &origin.url("/file")]);
        ran.expect(9, &[&format!("could not {verb} file.part: File too large"), "the file size limit", "ulimit -f"]);
        // With the limit gone, the rest is fetched.
        let (sent, kept) = (origin.sent(), place.size("file.part"));
        assert_eq!(kept > 0, verb == "write");
        place.get(&["-q", &origin.url("/file")]).expect(0, &[]);
        assert!(place.read("file") == origin.content(0));
        assert!(origin.sent() - sent <= size as u64 - kept.min(500_000), "{} bytes", origin.sent() - sent);
    }
}

#[test]
fn a_small_file_may_be_no_larger_either() {
    let (server, place) = (Server::http(), Place::new("file-limit-small"));
    limited_by(&place, "ulimit -f 8", &["-q", &server.url("/data/100000/f")]).expect(9, &["the file size limit"]);
    assert!(place.names().is_empty(), "{:?}", place.names());
}

#[test]
fn disk_full() {
    // A small file system needs a name space of one's own, which not every system allows.
    let mount = "mount -t tmpfs -o size=2m none . && cd .";
    let allowed = std::process::Command::new("unshare").args(["-rm", "true"]).output();
    if !allowed.is_ok_and(|output| output.status.success()) {
        eprintln!("not tested: no name spaces here");
        return;
    }
    let place = Place::new("disk-full");
    for size in [3_000_000, 20_000_000] {
        let origin = Origin::start(Setup { size, ..Setup::default() }, vec![]);
        let script =
            format!("cd {} && {mount} && exec {} get -q {}", place.path().display(), env!("CARGO_BIN_EXE_cede"), origin.url("/file"));
        let mut command = std::process::Command::new("unshare");
        let output = by_itself(&mut command).args(["-rm", "sh", "-c", &script]).output().unwrap();
        // The larger one is refused before a byte is written.
        Ran::of(output).expect(9, &["/file: could not ", "No space left", "--dir"]);
    }
    assert!(place.names().is_empty());
}

#[test]
fn few_descriptors_for_large_files() {
    let (origin, place) = (Origin::start(Setup { size: 1_500_000, ..Setup::default() }, vec![]), Place::new("few-large"));
    let urls: Vec<String> = (0..30).map(|n| origin.url(&format!("/{n:02}"))).collect();
    let args: Vec<&str> = ["-q", "-j", "64", "--min-split", "64k"].into_iter().chain(urls.iter().map(String::as_str)).collect();
    limited_by(&place, "ulimit -n 48", &args).expect(0, &[]);
    assert_eq!(place.names().len(), 30);
    assert!(place.names().iter().all(|name| place.read(name) == origin.content(0)));
}
