//! A server that answers by script: raw HTTP/1.1 over cede's sockets, on a runtime and a thread of its own. The n-th request to it gets the n-th fault; after the
//! script it is honest, within the limits of its [`Setup`]. It counts what it was asked for and what it sent, so that tests can say what was fetched twice.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::{TcpListener, TcpStream};
use cede::sync::{CancellationToken, oneshot};

/// What goes wrong with one answer.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "two test programs share this file, and each uses what it needs")]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// The connection is closed after so many bytes of the body.
    Close(usize),
    /// It is reset.
    Reset(usize),
    /// Chunked, and cut between chunks, or within one.
    ChunkedCut {
        at: usize,
        within: bool,
    },
    /// No length; everything comes.
    NoLength,
    /// The length is so much more than there is, or less.
    LengthPlus(usize),
    LengthMinus(usize),
    /// No length, and it ends after so many bytes.
    NoLengthCut(usize),
    /// The `Content-Range` begins so much later, and so does the body.
    Shifted(u64),
    /// Only so many bytes of the range.
    Short(u64),
    /// More than was asked for.
    OverLong,
    /// Parts in an envelope.
    Multipart,
    /// The total is `*`.
    UnknownTotal,
    /// The total is another one than before.
    OtherTotal,
    /// A status, and perhaps a header.
    Status(u16, &'static str),
    /// So much, and then silence.
    Stall(usize),
    /// So much, and the rest after [`Origin::open`].
    Gate(usize),
    /// Not even a head.
    Silent,
    /// A byte now and then.
    Dribble,
    /// The `Range` is ignored.
    Whole,
    /// Said to be packed.
    Packed,
    /// A page that wants a login.
    Page,
    /// The file changes before the answer.
    Change,
    /// The answer is cut after so many bytes, and then the file changes.
    CloseAndChange(usize),
    /// To another URL.
    Redirect(String),
    /// Not HTTP.
    Garbage,
    /// One byte in a hundred thousand is wrong.
    Flipped,
    /// Whatever there is, but no validators.
    Bare,
    /// Ranges work, but this header says that they do not.
    RangesDenied,
}

/// What kind of server it is.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    /// Size of the file.
    pub(crate) size: usize,
    /// Whether ranges work.
    pub(crate) ranges: bool,
    /// `ETag`: strong, weak, none, or another one each time.
    pub(crate) tag: Tag,
    /// Whether there is a `Last-Modified` of long ago.
    pub(crate) dated: bool,
    /// Whether `If-Range` with a tag is understood; otherwise it gets the whole file.
    pub(crate) if_range: bool,
    /// Ranges are cut to this size.
    pub(crate) most_range: Option<u64>,
    /// Further connections get a 503.
    pub(crate) most_connections: Option<usize>,
    /// Bytes per second for each connection.
    pub(crate) speed: Option<u64>,
    /// With so many answers under way at once, the limit on the speed is gone for good.
    pub(crate) free_from: Option<usize>,
    /// Further headers of each answer.
    pub(crate) headers: String,
    /// What `PATH.sha256` answers.
    pub(crate) beside: Option<String>,
    /// Answers without a login are 401.
    pub(crate) login: Option<&'static str>,
    /// Which content: servers with different seeds have different files.
    pub(crate) seed: u64,
    /// Later versions have another size.
    pub(crate) grows: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "two test programs share this file, and each uses what it needs")]
pub(crate) enum Tag {
    Strong,
    Weak,
    None,
    EachTime,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            size: 3_000_000,
            ranges: true,
            tag: Tag::Strong,
            dated: true,
            if_range: true,
            most_range: None,
            most_connections: None,
            speed: None,
            free_from: None,
            headers: String::new(),
            beside: None,
            login: None,
            seed: 1,
            grows: false,
        }
    }
}

/// A request as it was understood.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) range: Option<(u64, Option<u64>)>,
    pub(crate) if_range: Option<String>,
    pub(crate) authorization: Option<String>,
    #[allow(dead_code, reason = "several test programs share this file, and each uses what it needs")]
    pub(crate) cookie: Option<String>,
    #[allow(dead_code, reason = "two test programs share this file, and each uses what it needs")]
    pub(crate) at: std::time::Instant,
}

#[derive(Debug)]
struct State {
    setup: Setup,
    script: Mutex<std::vec::IntoIter<Fault>>,
    version: Mutex<u64>,
    asked: Mutex<Vec<Asked>>,
    sent: Mutex<u64>,
    busy: Mutex<(usize, usize)>,
    count: Mutex<u64>,
    gate: CancellationToken,
    /// The content of the last version that was asked for; making it takes longer than sending it.
    made: Mutex<Option<(u64, Arc<Vec<u8>>)>>,
}

/// The running server; it stops when this is dropped.
#[derive(Debug)]
pub(crate) struct Origin {
    address: SocketAddr,
    state: Arc<State>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

#[allow(dead_code, reason = "two test programs share this file, and each uses what it needs")]
impl Origin {
    pub(crate) fn start(setup: Setup, script: Vec<Fault>) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        Self::on(listener, setup, script)
    }

    pub(crate) fn on(listener: std::net::TcpListener, setup: Setup, script: Vec<Fault>) -> Self {
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            setup,
            script: Mutex::new(script.into_iter()),
            version: Mutex::new(0),
            asked: Mutex::default(),
            sent: Mutex::default(),
            busy: Mutex::default(),
            count: Mutex::default(),
            gate: CancellationToken::new(),
            made: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&state);
        drop(made(&state));
        let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let thread = std::thread::spawn(move || runtime.block_on(serve(listener, shared, stopped)));
        Self { address, state, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The file, in its n-th version.
    pub(crate) fn content(&self, version: u64) -> Vec<u8> {
        content(&self.state.setup, version)
    }

    pub(crate) fn version(&self) -> u64 {
        *self.state.version.lock().unwrap()
    }

    pub(crate) fn change(&self) {
        *self.state.version.lock().unwrap() += 1;
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }

    /// Opens the gates.
    pub(crate) fn open(&self) {
        self.state.gate.cancel();
    }

    /// Bytes of bodies that left, as far as the server knows.
    pub(crate) fn sent(&self) -> u64 {
        *self.state.sent.lock().unwrap()
    }

    /// How many answers are under way.
    pub(crate) fn busy(&self) -> usize {
        self.state.busy.lock().unwrap().0
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn content(setup: &Setup, version: u64) -> Vec<u8> {
    let size = setup.size + if setup.grows { version as usize * 1000 } else { 0 };
    let mut out = Vec::with_capacity(size + 8);
    let mut word = setup.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ version.wrapping_mul(0xd134_2543_de82_ef95);
    while out.len() < size {
        word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.extend((word ^ word >> 29).to_le_bytes());
    }
    out.truncate(size);
    out
}

/// The content of the present version.
fn made(state: &State) -> Arc<Vec<u8>> {
    let version = *state.version.lock().unwrap();
    let mut made = state.made.lock().unwrap();
    if made.as_ref().is_none_or(|(known, _)| *known != version) {
        *made = Some((version, Arc::new(content(&state.setup, version))));
    }
    Arc::clone(&made.as_ref().unwrap().1)
}

async fn serve(listener: std::net::TcpListener, state: Arc<State>, mut stopped: oneshot::Receiver<()>) {
    let listener = TcpListener::from_std(listener).unwrap();
    loop {
        let stream = cede::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(_) => continue,
            },
        };
        let state = Arc::clone(&state);
        cede::spawn(async move { drop(connection(stream, &state).await) });
    }
}

/// Whether the connection can carry another request.
type Kept = io::Result<bool>;

async fn connection(mut stream: TcpStream, state: &Arc<State>) -> io::Result<()> {
    loop {
        let Some(asked) = read_head(&mut stream).await? else { return Ok(()) };
        let guard = Busy::new(state);
        let keep = answer(&mut stream, state, &asked, guard.0).await;
        drop(guard);
        if !keep? {
            return Ok(());
        }
    }
}

struct Busy<'a>(usize, &'a State);

impl<'a> Busy<'a> {
    fn new(state: &'a State) -> Self {
        let mut busy = state.busy.lock().unwrap();
        busy.0 += 1;
        busy.1 = busy.1.max(busy.0);
        Self(busy.0, state)
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.1.busy.lock().unwrap().0 -= 1;
    }
}

async fn read_head(stream: &mut TcpStream) -> io::Result<Option<Asked>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return Ok(None),
        }
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let header = |name: &str| {
        let line = text.lines().find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let range = header("range").and_then(|value| {
        let (start, end) = value.strip_prefix("bytes=")?.split_once('-')?;
        Some((start.parse().ok()?, end.parse::<u64>().ok().map(|last| last + 1)))
    });
    let line = text.lines().next().unwrap_or_default().to_owned();
    let asked = Asked {
        line,
        range,
        if_range: header("if-range"),
        authorization: header("authorization"),
        cookie: header("cookie"),
        at: std::time::Instant::now(),
    };
    Ok(Some(asked))
}

async fn answer(stream: &mut TcpStream, state: &Arc<State>, asked: &Asked, busy: usize) -> Kept {
    let setup = &state.setup;
    let path = asked.line.split(' ').nth(1).unwrap_or_default();
    if path.ends_with(".sha256") {
        return match &setup.beside {
            Some(text) => head(stream, "200 OK", &format!("Content-Length: {}\r\n", text.len()), text.as_bytes()).await,
            None => head(stream, "404 Not Found", "Content-Length: 0\r\n", b"").await,
        };
    }
    state.asked.lock().unwrap().push(asked.clone());
    if setup.login.is_some_and(|login| asked.authorization.as_deref() != Some(login)) {
        return head(stream, "401 Unauthorized", "Content-Length: 0\r\n", b"").await;
    }
    if setup.most_connections.is_some_and(|most| busy > most) {
        return head(stream, "503 Service Unavailable", "Content-Length: 0\r\n", b"").await;
    }
    let fault = state.script.lock().unwrap().next().unwrap_or(Fault::None);
    match &fault {
        Fault::Status(status, header) => {
            let header = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
            return head(stream, &format!("{status} Status"), &format!("{header}Content-Length: 9\r\n"), b"an error.").await;
        }
        Fault::Silent => return silence(stream).await,
        Fault::Garbage => {
            stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await?;
            return Ok(false);
        }
        Fault::Page => return head(stream, "200 OK", "Content-Type: text/html\r\nContent-Length: 13\r\n", b"<p>Log in</p>").await,
        Fault::Redirect(to) => return head(stream, "302 Found", &format!("Location: {to}\r\nContent-Length: 0\r\n"), b"").await,
        Fault::Change => *state.version.lock().unwrap() += 1,
        _ => {}
    }
    body(stream, state, asked, &fault).await
}

async fn head(stream: &mut TcpStream, status: &str, headers: &str, body: &[u8]) -> Kept {
    stream.write_all(format!("HTTP/1.1 {status}\r\n{headers}\r\n").as_bytes()).await?;
    stream.write_all(body).await?;
    Ok(true)
}

/// Says nothing until the client has gone.
async fn silence(stream: &mut TcpStream) -> Kept {
    while stream.read_u8().await.is_ok() {}
    Ok(false)
}

/// The validators of the present version.
fn validators(state: &State, fault: &Fault) -> (String, Vec<String>) {
    let version = *state.version.lock().unwrap();
    let mut matching = Vec::new();
    let mut headers = state.setup.headers.clone();
    if matches!(fault, Fault::Bare) {
        return (headers, matching);
    }
    let tag = match state.setup.tag {
        Tag::Strong => Some(format!("\"v{version}\"")),
        Tag::Weak => Some(format!("W/\"v{version}\"")),
        Tag::EachTime => {
            let mut count = state.count.lock().unwrap();
            *count += 1;
            Some(format!("\"{count}\""))
        }
        Tag::None => None,
    };
    if let Some(tag) = tag {
        headers.push_str(&format!("ETag: {tag}\r\n"));
        matching.extend(state.setup.if_range.then_some(tag));
    }
    if state.setup.dated {
        let date = format!("Mon, 01 Jan 2024 10:{version:02}:00 GMT");
        headers.push_str(&format!("Last-Modified: {date}\r\nDate: Tue, 02 Jan 2024 10:00:00 GMT\r\n"));
        matching.push(date);
    }
    (headers, matching)
}

async fn body(stream: &mut TcpStream, state: &Arc<State>, asked: &Asked, fault: &Fault) -> Kept {
    let setup = &state.setup;
    let (headers, matching) = validators(state, fault);
    let mut content = made(state);
    if matches!(fault, Fault::Flipped) {
        Arc::make_mut(&mut content).iter_mut().step_by(100_000).for_each(|byte| *byte ^= 1);
    }
    let size = content.len() as u64;
    let allowed = asked.if_range.as_ref().is_none_or(|value| matching.contains(value));
    let range = asked.range.filter(|_| {
        setup.ranges
            && allowed
            && !matches!(
                fault,
                Fault::Whole
                    | Fault::NoLength
                    | Fault::NoLengthCut(_)
                    | Fault::ChunkedCut { .. }
                    | Fault::LengthPlus(_)
                    | Fault::LengthMinus(_)
            )
    });
    let accept = if setup.ranges && !matches!(fault, Fault::RangesDenied) { "Accept-Ranges: bytes\r\n" } else { "Accept-Ranges: none\r\n" };
    let packed = if matches!(fault, Fault::Packed) { "Content-Encoding: gzip\r\n" } else { "" };
    let common = format!("{headers}{accept}{packed}");
    let Some((start, end)) = range else {
        let length = match fault {
            Fault::NoLength | Fault::NoLengthCut(_) => "Connection: close\r\n".to_owned(),
            Fault::ChunkedCut { .. } => "Transfer-Encoding: chunked\r\n".to_owned(),
            Fault::LengthPlus(more) => format!("Content-Length: {}\r\n", size + *more as u64),
            Fault::LengthMinus(less) => format!("Content-Length: {}\r\n", size - *less as u64),
            _ => format!("Content-Length: {size}\r\n"),
        };
        stream.write_all(format!("HTTP/1.1 200 OK\r\n{common}{length}\r\n").as_bytes()).await?;
        return send(stream, state, &content, fault).await;
    };
    if start >= size {
        return head(stream, "416 Range Not Satisfiable", &format!("{common}Content-Range: bytes */{size}\r\nContent-Length: 0\r\n"), b"")
            .await;
    }
    let end = end.unwrap_or(size).min(size).min(setup.most_range.map_or(size, |most| start + most));
    let (start, end) = match fault {
        Fault::Shifted(by) => ((start + by).min(size - 1), (end + by).min(size)),
        Fault::Short(most) => (start, end.min(start + most)),
        Fault::OverLong => (start, size),
        _ => (start, end),
    };
    let total = match fault {
        Fault::UnknownTotal => "*".to_owned(),
        Fault::OtherTotal => (size + 7).to_string(),
        _ => size.to_string(),
    };
    let place = match fault {
        Fault::Multipart => "Content-Type: multipart/byteranges; boundary=x\r\n".to_owned(),
        _ => format!("Content-Range: bytes {start}-{}/{total}\r\n", end - 1),
    };
    let length = end - start;
    stream.write_all(format!("HTTP/1.1 206 Partial Content\r\n{common}{place}Content-Length: {length}\r\n\r\n").as_bytes()).await?;
    send(stream, state, &content[start as usize..end as usize], fault).await
}

async fn send(stream: &mut TcpStream, state: &Arc<State>, bytes: &[u8], fault: &Fault) -> Kept {
    match fault {
        Fault::Close(at) | Fault::CloseAndChange(at) | Fault::NoLengthCut(at) => {
            paced(stream, state, &bytes[..(*at).min(bytes.len())]).await?;
            if matches!(fault, Fault::CloseAndChange(_)) {
                *state.version.lock().unwrap() += 1;
            }
            Ok(false)
        }
        Fault::Reset(at) => {
            paced(stream, state, &bytes[..(*at).min(bytes.len())]).await?;
            stream.set_zero_linger()?;
            Ok(false)
        }
        Fault::Stall(at) => {
            paced(stream, state, &bytes[..(*at).min(bytes.len())]).await?;
            silence(stream).await
        }
        Fault::Gate(at) => {
            let (now, later) = bytes.split_at((*at).min(bytes.len()));
            paced(stream, state, now).await?;
            state.gate.cancelled().await;
            paced(stream, state, later).await?;
            Ok(true)
        }
        Fault::Dribble => {
            for byte in bytes {
                stream.write_all(&[*byte]).await?;
                cede::time::sleep(Duration::from_millis(50)).await;
            }
            Ok(false)
        }
        Fault::ChunkedCut { at, within } => {
            let piece = &bytes[..(*at).min(bytes.len())];
            let told = piece.len() + if *within { 1000 } else { 0 };
            stream.write_all(format!("{told:x}\r\n").as_bytes()).await?;
            paced(stream, state, piece).await?;
            if !within {
                stream.write_all(b"\r\n").await?;
            }
            Ok(false)
        }
        Fault::NoLength | Fault::LengthPlus(_) | Fault::LengthMinus(_) => {
            paced(stream, state, bytes).await?;
            Ok(false)
        }
        _ => {
            paced(stream, state, bytes).await?;
            Ok(true)
        }
    }
}

async fn paced(stream: &mut TcpStream, state: &Arc<State>, bytes: &[u8]) -> io::Result<()> {
    let start = cede::time::Instant::now();
    let mut sent = 0_u64;
    for chunk in bytes.chunks(64 * 1024) {
        stream.write_all(chunk).await?;
        sent += chunk.len() as u64;
        *state.sent.lock().unwrap() += chunk.len() as u64;
        let is_free = state.setup.free_from.is_some_and(|count| state.busy.lock().unwrap().1 >= count);
        if let Some(speed) = state.setup.speed.filter(|_| !is_free) {
            cede::time::sleep_until(start + Duration::from_secs_f64(sent as f64 / speed as f64)).await;
        }
    }
    Ok(())
}
