//! HTTP/2 servers that end streams and connections in ways that no well-behaved library would: frame by frame, over TLS.
//!
//! The server understands as little as it can: it never unpacks a request's headers, so it sends the whole file each time, with a strong ETag that lets the client
//! keep what it has.
#![forbid(unsafe_code)]

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede_transfer::Exit;
use cede_transfer::engine::{Check, Engine, Job, Output, Settings, Silent, Stop};
use cede_transfer::plan::Rules;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const SIZE: usize = 600_000;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// What happens to one request.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// It is answered.
    Whole,
    /// `RST_STREAM` with this code, after so many bytes of the body, or instead of an answer.
    Reset(Option<usize>, u32),
    /// `GOAWAY` in the middle; the rest comes all the same, as it should.
    GoAwayAndFinish,
    /// `GOAWAY` with this code after so many bytes, and the connection ends.
    GoAwayAndClose(usize, u32),
    /// `GOAWAY` that says that the request was not looked at, and the connection ends.
    GoAwayUnseen,
    /// The connection ends after so many bytes, without a word of TLS or HTTP.
    Gone(usize),
}

type Tls = StreamOwned<ServerConnection, TcpStream>;

fn content() -> Vec<u8> {
    (0..SIZE as u64).map(|at| (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect()
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cede-cli/tests/fixtures").join(name)
}

fn config() -> Arc<ServerConfig> {
    let chain = CertificateDer::pem_file_iter(fixture("localhost.pem")).unwrap().collect::<Result<Vec<_>, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("localhost.key")).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).unwrap();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// Reads a frame: kind, flags, stream, payload.
fn read_frame(stream: &mut Tls) -> io::Result<(u8, u8, u32, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload)?;
    Ok((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]]), payload))
}

/// Status 200 and some headers, none of them packed.
fn head() -> Vec<u8> {
    let mut block = vec![0x88];
    for (name, value) in [("etag", "\"v\"".to_owned()), ("content-length", SIZE.to_string())] {
        block.extend([0, name.len() as u8]);
        block.extend(name.as_bytes());
        block.push(value.len() as u8);
        block.extend(value.as_bytes());
    }
    block
}

struct Connection {
    stream: Tls,
    script: Arc<Mutex<(Vec<Act>, usize)>>,
}

impl Connection {
    /// Serves until something ends it.
    fn serve(mut self) -> io::Result<()> {
        let mut preface = [0; 24];
        self.stream.read_exact(&mut preface)?;
        self.stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
        let (mut open, mut asked) = (false, None);
        loop {
            let (kind, flags, stream, payload) = read_frame(&mut self.stream)?;
            match kind {
                SETTINGS if flags & ACK == 0 => self.stream.write_all(&frame(SETTINGS, ACK, 0, &[]))?,
                PING if flags & ACK == 0 => self.stream.write_all(&frame(PING, ACK, 0, &payload))?,
                WINDOW_UPDATE if stream == 0 => open = true,
                HEADERS => asked = Some(stream),
                _ => {}
            }
            // Before the connection's window is larger than the default, the file would not fit.
            if let Some(stream) = asked.take_if(|_| open)
                && !self.answer(stream)?
            {
                return Ok(());
            }
        }
    }

    /// Answers one request; returns whether the connection goes on.
    fn answer(&mut self, stream: u32) -> io::Result<bool> {
        let act = {
            let mut script = self.script.lock().unwrap();
            script.1 += 1;
            if script.0.is_empty() { Act::Whole } else { script.0.remove(0) }
        };
        let go_away = |last: u32, code: u32| frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat());
        match act {
            Act::Whole => self.body(stream, 0, SIZE)?,
            Act::Reset(None, code) => self.stream.write_all(&frame(RST_STREAM, 0, stream, &code.to_be_bytes()))?,
            Act::Reset(Some(at), code) => {
                self.body(stream, 0, at)?;
                self.stream.write_all(&frame(RST_STREAM, 0, stream, &code.to_be_bytes()))?;
            }
            Act::GoAwayAndFinish => {
                self.body(stream, 0, SIZE / 2)?;
                self.stream.write_all(&go_away(stream, 0))?;
                self.body(stream, SIZE / 2, SIZE)?;
            }
            Act::GoAwayAndClose(at, code) => {
                self.body(stream, 0, at)?;
                self.stream.write_all(&go_away(stream, code))?;
                self.stream.conn.send_close_notify();
                self.stream.flush()?;
                return Ok(false);
            }
            Act::GoAwayUnseen => {
                self.stream.write_all(&go_away(0, 0))?;
                self.stream.conn.send_close_notify();
                self.stream.flush()?;
                return Ok(false);
            }
            Act::Gone(at) => {
                self.body(stream, 0, at)?;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends a part of the body, the first with the head, the last with the end.
    fn body(&mut self, stream: u32, from: usize, to: usize) -> io::Result<()> {
        if from == 0 {
            self.stream.write_all(&frame(HEADERS, END_HEADERS, stream, &head()))?;
        }
        let content = content();
        for (n, chunk) in content[from..to].chunks(16 * 1024).enumerate() {
            let is_last = from + n * 16 * 1024 + chunk.len() == SIZE;
            self.stream.write_all(&frame(DATA, u8::from(is_last) * END_STREAM, stream, chunk))?;
        }
        Ok(())
    }
}

/// Downloads through these acts; returns the exit code and the number of requests.
fn download(name: &str, acts: &[Act]) -> (Exit, usize) {
    let script = Arc::new(Mutex::new((acts.to_vec(), 0)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (config, shared) = (config(), Arc::clone(&script));
    // Ends with the program: nobody connects to it after the test.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let stream = StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), stream);
            let connection = Connection { stream, script: Arc::clone(&shared) };
            std::thread::spawn(move || drop(connection.serve()));
        }
    });
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    drop(std::fs::remove_dir_all(&dir));
    std::fs::create_dir_all(&dir).unwrap();
    let rules = Rules { wait: Duration::from_millis(1)..Duration::from_millis(5), ..Rules::default() };
    let engine = Engine::new(Settings { rules, cacert: Some(fixture("ca.pem")), ..Settings::default() });
    let job = Job {
        url: format!("https://localhost:{port}/file").parse().unwrap(),
        mirrors: Vec::new(),
        output: Output::Named { dir: dir.clone(), name: "file".to_owned() },
        check: Check::Size,
    };
    let url = job.url.clone();
    let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let result = runtime.block_on(engine.download(job, Arc::new(Silent), Stop::never()));
    let exit = result.map_or_else(|unfinished| unfinished.told(&url).1, |_| Exit::Done);
    let requests = script.lock().unwrap().1;
    if exit == Exit::Done {
        assert!(std::fs::read(dir.join("file")).unwrap() == content(), "{acts:?}: another file");
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "{acts:?}: something is left");
    } else {
        assert!(!dir.join("file").exists(), "{acts:?}: a file without success");
    }
    (exit, requests)
}

#[track_caller]
fn survives(name: &str, acts: &[Act]) {
    let (exit, requests) = download(name, acts);
    assert_eq!(exit, Exit::Done, "{acts:?}");
    // What answers a resumed request with the whole file is asked twice more: with the date's proof, and without any.
    assert!(requests <= acts.len() * 3 + 1, "{acts:?}: {requests} requests");
}

#[test]
fn nothing_wrong() {
    assert_eq!(download("h2-frames-none", &[]), (Exit::Done, 1));
}

#[test]
fn streams_that_are_reset() {
    // NO_ERROR, INTERNAL_ERROR, REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM.
    for code in [0, 2, 7, 8, 11] {
        survives("h2-frames-reset", &[Act::Reset(None, code)]);
        survives("h2-frames-reset", &[Act::Reset(Some(0), code), Act::Reset(Some(400_000), code)]);
    }
}

#[test]
fn connections_that_are_to_end_may_bring_what_was_asked() {
    assert_eq!(download("h2-frames-finish", &[Act::GoAwayAndFinish]), (Exit::Done, 1));
}

#[test]
fn connections_that_end_in_the_middle() {
    for code in [0, 2, 11] {
        for at in [0, 1, 300_000, SIZE - 1] {
            survives("h2-frames-away", &[Act::GoAwayAndClose(at, code)]);
        }
    }
    survives("h2-frames-away", &[Act::GoAwayUnseen, Act::GoAwayUnseen]);
}

#[test]
fn connections_that_vanish() {
    for at in [0, 1, 300_000, SIZE - 1] {
        survives("h2-frames-gone", &[Act::Gone(at)]);
    }
}

#[test]
fn a_server_that_never_finishes_is_given_up() {
    for act in [Act::Reset(None, 7), Act::Reset(Some(0), 2), Act::GoAwayUnseen, Act::GoAwayAndClose(0, 0), Act::Gone(0)] {
        let (exit, requests) = download("h2-frames-never", &[act; 100]);
        assert_eq!(exit, Exit::Network, "{act:?}");
        assert!(requests <= 12, "{act:?}: {requests} requests");
    }
}
