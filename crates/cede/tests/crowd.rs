//! A crowd of clients against a server with 64 descriptors. The server is this test program again, running the one test that is ignored otherwise.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cede::io::{AsyncReadExt, AsyncWriteExt};
use cede::net::{TcpListener, TcpStream};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// All at the same time.
const CLIENTS: usize = if cfg!(debug_assertions) { 1000 } else { 10_000 };

#[test]
#[ignore = "serves until its input ends; the other test starts it"]
fn serves_with_few_descriptors() {
    setrlimit(Resource::Nofile, Rlimit { current: Some(64), maximum: Some(64) }).unwrap();
    let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    println!("\nport {}", listener.local_addr().unwrap().port());
    runtime.spawn(async move {
        loop {
            match listener.accept().await {
                Ok((client, _)) => drop(cede::spawn(answer(client))),
                Err(error) => println!("\nerror {error}"),
            }
        }
    });
    // Until the clients are served.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

async fn answer(mut client: TcpStream) -> std::io::Result<()> {
    let mut byte = [0];
    client.read_exact(&mut byte).await?;
    client.write_all(&byte).await
}

#[test]
fn a_crowd_is_served_with_64_descriptors_and_one_report() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "serves_with_few_descriptors", "--ignored", "--nocapture"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = command.spawn().unwrap();
    let mut lines = BufReader::new(server.stdout.take().unwrap()).lines().map(Result::unwrap);
    let port: u16 = lines.find_map(|line| line.strip_prefix("port ")?.parse().ok()).unwrap();

    let runtime = cede::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let begun = Instant::now();
    let (served, longest) = runtime.block_on(async {
        let clients: Vec<_> = (0..CLIENTS).map(|_| cede::spawn(ask(port))).collect();
        let (mut served, mut longest) = (0, Duration::ZERO);
        for client in clients {
            served += usize::from(client.await.unwrap().is_ok());
            longest = longest.max(begun.elapsed());
        }
        (served, longest)
    });
    // Whom the system has let in is served in the end.
    assert_eq!(served, CLIENTS);
    drop(server.stdin.take());
    let errors: Vec<_> = lines.filter(|line| line.starts_with("error ")).collect();
    assert!(server.wait().unwrap().success());
    println!("{CLIENTS} clients in {longest:?}, {} reports", errors.len());
    assert!(errors.len() <= 1 + longest.as_secs() as usize / 10, "{} reports in {longest:?}: {:?}", errors.len(), errors.first());
}

/// A byte there and back.
async fn ask(port: u16) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.write_all(&[1]).await?;
    stream.read_exact(&mut [0]).await.map(drop)
}
