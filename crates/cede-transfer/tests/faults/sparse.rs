//! A file of a tebibyte, of which all but the last MiB came in an earlier run: sizes and places beyond what 32 and 40 bits hold, and a memory that does not know it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{FileExt, MetadataExt};

use cede_transfer::engine::{Check, Job, Output};
use cede_transfer::identity::Identity;
use cede_transfer::journal::{self, Subject};
use cede_transfer::{Exit, journal_of};

use crate::case::Case;
use crate::origin::Setup;

const SIZE: u64 = 1 << 40;
const REST: u64 = 1 << 20;

/// Answers one request, which has to be for the rest. Returns the URL and what it was asked.
fn serve_the_rest() -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/file", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let (start, last) = (SIZE - REST, SIZE - 1);
        let answer = format!(
            "HTTP/1.1 206 Partial Content\r\nETag: \"t\"\r\nContent-Range: bytes {start}-{last}/{SIZE}\r\nContent-Length: {REST}\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).unwrap();
        stream.write_all(&vec![7; REST as usize]).unwrap();
        String::from_utf8(head).unwrap()
    });
    (url, served)
}

#[test]
fn the_last_mebibyte_of_a_tebibyte() {
    let case = Case::new("sparse", Setup { size: 1, ..Setup::default() }, vec![]);
    let (url, served) = serve_the_rest();
    let part = case.dir.join("file.part");
    let file = std::fs::File::create(&part).unwrap();
    file.set_len(SIZE - REST).unwrap();
    let metadata = file.metadata().unwrap();
    let identity = Identity { tag: Some("\"t\"".to_owned()), total: Some(SIZE), ..Identity::default() };
    let subject = Subject { url: url.clone(), identity, file: (metadata.dev(), metadata.ino()), ..Subject::default() };
    let claims = [journal::begin(&subject), journal::claim(std::iter::once(0..SIZE - REST))].concat();
    std::fs::write(journal_of(&part), claims).unwrap();
    let output = Output::Named { dir: case.dir.clone(), name: "file".to_owned() };
    let job = Job { url: url.parse().unwrap(), mirrors: Vec::new(), output, check: Check::Size };
    assert_eq!(case.exit_of(job), Exit::Done);
    let asked = served.join().unwrap();
    assert!(asked.contains(&format!("range: bytes={}-{}\r\n", SIZE - REST, SIZE - 1)), "{asked}");
    let file = std::fs::File::open(case.dir.join("file")).unwrap();
    assert_eq!(file.metadata().unwrap().len(), SIZE);
    let mut ends = [1; 4];
    file.read_exact_at(&mut ends, SIZE - REST - 2).unwrap();
    assert_eq!(ends, [0, 0, 7, 7]);
    // Nothing but the rest takes room.
    assert!(file.metadata().unwrap().blocks() * 512 < REST * 4);
    assert_eq!(case.names(), ["file"]);
}
