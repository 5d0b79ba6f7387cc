//! `cede serve` and `cede get` as two programs: what one sends the other keeps, also when things go wrong on purpose.
#![forbid(unsafe_code)]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

struct Serving {
    child: Child,
    url: String,
    dir: PathBuf,
}

fn command(dir: &PathBuf, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cede"));
    command.args(args).current_dir(dir).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).env("HOME", dir);
    // Whoever runs the tests may have settings.
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"CEDE_")) {
        command.env_remove(name);
    }
    command.env("CEDE_CONFIG", "/dev/null");
    command
}

impl Serving {
    /// Serves `site` in a directory of the test's own.
    fn start(name: &str, args: &[&str]) -> Self {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        drop(std::fs::remove_dir_all(&dir));
        std::fs::create_dir_all(dir.join("site")).unwrap();
        std::fs::write(dir.join("site/file.bin"), content()).unwrap();
        let args: Vec<&str> = ["serve", "site", "--bind", "127.0.0.1:0"].iter().chain(args).copied().collect();
        let mut child = command(&dir, &args).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let url = line.trim().rsplit(' ').next().unwrap().trim_end_matches('/').to_owned();
        assert!(url.starts_with("http"), "{line}");
        Self { child, url, dir }
    }

    fn get(&self, args: &[&str]) -> Output {
        let url = format!("{}/file.bin", self.url);
        let args: Vec<&str> = ["get", "--retry-wait", "0.01"].iter().chain(args).copied().chain([url.as_str()]).collect();
        command(&self.dir, &args).output().unwrap()
    }

    /// Ctrl-C. Returns the code and what was said.
    fn end(mut self) -> (Option<i32>, String) {
        let id = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        (self.child.wait().unwrap().code(), said)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn content() -> Vec<u8> {
    (0..3_000_000_u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

#[test]
fn through_every_fault_that_can_be_survived() {
    let faults =
        "reset=30%,after=1..800K;truncate=20%,after=1..800K;status=503:20%,retry-after=0;short-range=500K,p=30%;wrong-start=10%;page=5%";
    let serving = Serving::start("serve-faults", &["--fault", faults, "--seed", "3"]);
    let ran = serving.get(&["--retry", "50"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(std::fs::read(serving.dir.join("file.bin")).unwrap() == content());
    let (code, said) = serving.end();
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("GET /file.bin 206") && said.contains("faults: "), "{said}");
}

#[test]
fn over_tls_with_a_certificate_of_its_own() {
    let mut serving = Serving::start("serve-tls", &["--tls-self-signed"]);
    let mut said = String::new();
    let mut reader = BufReader::new(serving.child.stderr.take().unwrap());
    while !said.contains("-----END CERTIFICATE-----") {
        assert!(reader.read_line(&mut said).unwrap() > 0, "{said}");
    }
    serving.child.stderr = Some(reader.into_inner());
    std::fs::write(serving.dir.join("ca.pem"), &said[said.find("-----BEGIN").unwrap()..]).unwrap();
    let ran = serving.get(&["--cacert", "ca.pem"]);
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(std::fs::read(serving.dir.join("file.bin")).unwrap() == content());
    assert_eq!(serving.get(&["-f"]).status.code(), Some(5));
    assert_eq!(serving.end().0, Some(0));
}

#[test]
fn mistakes_and_help() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let ran = |args: &[&str]| command(&dir, args).output().unwrap();
    let help = ran(&["serve", "--fault", "help"]);
    assert!(help.status.success() && String::from_utf8_lossy(&help.stdout).contains("redirect-loop"));
    let wrong = ran(&["serve", "--fault", "rest=5%"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("there is no fault 'rest'"));
    let none = ran(&["serve", "no-such-directory", "--bind", "127.0.0.1:0"]);
    assert_eq!(none.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&none.stderr).contains("no-such-directory"));
}

#[test]
fn a_limit_on_the_size_of_files_is_not_called_a_full_disk() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("serve-file-limit");
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(dir.join("site")).unwrap();
    let cede = env!("CARGO_BIN_EXE_cede");
    let script = format!("ulimit -f 8; CEDE_CONFIG=/dev/null exec {cede} serve site --upload -q --bind 127.0.0.1:0");
    let mut child = Command::new("sh").args(["-c", &script]).current_dir(&dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let mut client = std::net::TcpStream::connect(line.trim().rsplit("//").next().unwrap().trim_end_matches('/')).unwrap();
    client.write_all(b"PUT /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 20000\r\n\r\n").unwrap();
    client.write_all(&[0; 20_000]).unwrap();
    let mut reply = String::new();
    client.read_to_string(&mut reply).unwrap();
    drop(child.kill());
    drop(child.wait());
    assert!(reply.starts_with("HTTP/1.1 507 ") && reply.contains("no file as large as that (ulimit -f)"), "{reply}");
    assert!(!dir.join("site/x").exists());
}

#[test]
fn more_clients_than_descriptors() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("serve-few");
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(dir.join("site")).unwrap();
    std::fs::write(dir.join("site/x"), "hello").unwrap();
    let script = format!("ulimit -n 40; CEDE_CONFIG=/dev/null exec {} serve site -q --bind 127.0.0.1:0", env!("CARGO_BIN_EXE_cede"));
    let mut child = Command::new("sh").args(["-c", &script]).current_dir(&dir).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().rsplit("//").next().unwrap().trim_end_matches('/').to_owned();
    // All of them are connected before the first asks.
    let clients: Vec<_> = (0..100).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
    let asked = clients.into_iter().map(|mut client| {
        std::thread::spawn(move || {
            client.write_all(b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
            let mut reply = String::new();
            client.read_to_string(&mut reply).unwrap();
            reply
        })
    });
    let replies: Vec<String> = asked.collect::<Vec<_>>().into_iter().map(|client| client.join().unwrap()).collect();
    drop(child.kill());
    drop(child.wait());
    assert!(replies.iter().all(|reply| reply.ends_with("\r\n\r\nhello")), "{replies:?}");
}

#[test]
fn a_standard_output_that_takes_nothing_does_not_keep_it_from_serving() {
    for (end, why) in [(">&-", "is closed"), ("1</dev/null", "is open only for reading"), (">/dev/full", "cannot be written to: No space")]
    {
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("serve-no-stdout");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("f"), b"hello").unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("exec \"$0\" serve . --bind 127.0.0.1:0 {end}"), env!("CARGO_BIN_EXE_cede")]);
        shell.current_dir(&dir).env("HOME", &dir).env("CEDE_CONFIG", "/dev/null").stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = shell.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let (mut line, mut warning) = (String::new(), String::new());
        said.read_line(&mut line).unwrap();
        said.read_line(&mut warning).unwrap();
        let serving = Serving { child, url: line.trim().rsplit(' ').next().unwrap().to_owned(), dir: dir.clone() };
        assert!(serving.url.starts_with("http://") && warning.contains(why), "{end}: {line}{warning}");
        let ran = command(&dir, &["get", "-q", "-o", "-", &format!("{}f", serving.url)]).output().unwrap();
        assert_eq!(ran.stdout, b"hello");
    }
}
