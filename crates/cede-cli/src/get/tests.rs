//! How a run ends whose files are there and may not stay.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;

use cede_transfer::Exit;
use cede_transfer::disk::Disk;
use cede_transfer::engine::Stop;
use clap::Parser;

use super::{Batch, Work, transfer_all};
use crate::cli::{Cli, Command};
use crate::plan::Plan;
use crate::start::Start;

/// Writes, and never knows that it has.
#[derive(Debug)]
struct Forgetful;

impl Disk for Forgetful {
    fn sync(&self, _: &File) -> io::Result<()> {
        Err(io::Error::from_raw_os_error(5))
    }
}

#[test]
fn the_code_of_a_run_that_only_the_disk_fails_is_the_disks() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = server.local_addr().unwrap();
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = server.accept().unwrap();
        let request = BufReader::new(stream.try_clone().unwrap()).lines();
        request.map(Result::unwrap).find(|line| line.is_empty()).unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx").unwrap();
    });
    let dir = std::env::temp_dir().join(format!("cede-get-forgetful-{}", std::process::id()));
    let line = ["cede", "get", "--quiet", "--no-proxy", "--dir", dir.to_str().unwrap(), &format!("http://{address}/file")];
    let Command::Get(args) = Cli::try_parse_from(line).unwrap().command else { panic!("another command") };
    let mut plan = Plan::new(&args).unwrap();
    plan.settings.disk = Arc::new(Forgetful);
    let works = plan.jobs.into_iter().map(Work::Down).collect();
    let batch = Batch { works, list: None, settings: plan.settings, width: 1, extract: None };
    let exit = Start::now().run(transfer_all(batch, None, Stop::never(), &args.show));
    let content = std::fs::read(dir.join("file"));
    drop(std::fs::remove_dir_all(&dir));
    serving.join().unwrap();
    assert_eq!((exit, content.unwrap()), (Exit::Files, b"x".to_vec()));
}
