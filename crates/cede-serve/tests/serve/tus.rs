//! Resumable uploads.

use std::io::Write;

use crate::client::{Reply, Site, content, read};

const TUS: &str = "Tus-Resumable: 1.0.0\r\n";

fn site() -> Site {
    Site::new(|settings| settings.upload = true)
}

fn create(site: &Site, path: &str, headers: &str) -> String {
    let reply = site.ask("POST", path, &format!("{TUS}{headers}Content-Length: 0\r\n"), b"");
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.header("location").unwrap().to_owned()
}

fn patch(site: &Site, url: &str, offset: usize, headers: &str, bytes: &[u8]) -> Reply {
    site.ask("PATCH", url, &format!("{TUS}{headers}Content-Type: application/offset+octet-stream\r\nUpload-Offset: {offset}\r\n"), bytes)
}

fn offset(site: &Site, url: &str) -> Option<usize> {
    site.ask("HEAD", url, TUS, b"").header("upload-offset")?.parse().ok()
}

#[test]
fn in_pieces_across_restarts() {
    let first = site();
    let bytes = content(900_000);
    let url = create(&first, "/in/x.bin", "Upload-Length: 900000\r\n");
    assert_eq!(patch(&first, &url, 0, "", &bytes[..300_000]).header("upload-offset"), Some("300000"));
    // The server ends and begins anew.
    let dir = first.dir.clone();
    let moved = crate::client::fresh_dir();
    std::fs::remove_dir(&moved).unwrap();
    let mut first = first;
    first.server.stop();
    std::fs::rename(&dir, &moved).unwrap();
    let second = Site::at(moved, |settings| settings.upload = true);
    assert_eq!(offset(&second, &url), Some(300_000));
    let wrong = patch(&second, &url, 5, "", b"x");
    assert_eq!((wrong.status, wrong.header("upload-offset")), (409, Some("300000")));
    assert!(!second.path("in/x.bin").exists());
    assert_eq!(patch(&second, &url, 300_000, "", &bytes[300_000..]).status, 204);
    assert!(read(&second.path("in/x.bin")) == bytes);
    // Who missed the last answer can still ask.
    assert_eq!(offset(&second, &url), Some(900_000));
}

#[test]
fn what_came_before_the_connection_broke_is_kept() {
    let site = site();
    let bytes = content(500_000);
    let url = create(&site, "/x", "Upload-Length: 500000\r\n");
    let mut stream = site.connect();
    let head = format!(
        "PATCH {url} HTTP/1.1\r\nHost: x\r\n{TUS}Content-Type: application/offset+octet-stream\r\nUpload-Offset: 0\r\nContent-Length: 500000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&bytes[..400_000]).unwrap();
    // The connection still looks alive: the next request takes the upload over, with everything that had come.
    let mut at = offset(&site, &url).unwrap();
    assert!(at <= 400_000);
    drop(stream);
    while at < bytes.len() {
        patch(&site, &url, at, "", &bytes[at..]);
        at = offset(&site, &url).unwrap();
    }
    assert!(read(&site.path("x")) == bytes);
}

#[test]
fn the_last_byte_without_the_end_of_the_request() {
    let site = Site::with_faults("reset,after=1000,method=PATCH,tries=1");
    let bytes = content(1000);
    let url = create(&site, "/x", "Upload-Length: 1000\r\n");
    let reply = patch(&site, &url, 0, "", &bytes);
    assert_eq!(reply.status, 0, "{reply:?}");
    assert_eq!(offset(&site, &url), Some(1000));
    assert!(read(&site.path("x")) == bytes);
}

#[test]
fn checksums_are_checked_before_bytes_count() {
    let site = site();
    let url = create(&site, "/", "Upload-Length: 6\r\nUpload-Metadata: filename YWJjLnR4dA==,other\r\n");
    assert_eq!(patch(&site, &url, 0, "Upload-Checksum: sha1 AAAA\r\n", b"abc").status, 460);
    assert_eq!(offset(&site, &url), Some(0));
    assert_eq!(patch(&site, &url, 0, "Upload-Checksum: sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\r\n", b"abc").status, 204);
    assert_eq!(patch(&site, &url, 3, "Upload-Checksum: crc32 AAAA\r\n", b"def").status, 400);
    assert_eq!(patch(&site, &url, 3, "", b"def").status, 204);
    assert_eq!(read(&site.path("abc.txt")), b"abcdef");
}

#[test]
fn unchecked_bytes_of_a_broken_request_do_not_count() {
    let site = Site::with_faults("reset,after=3,method=PATCH,tries=1");
    let url = create(&site, "/x", "Upload-Length: 6\r\n");
    let reply = patch(&site, &url, 0, "Upload-Checksum: sha1 qZk+NkcGgWq6PiVxeFDCbJzQ2J0=\r\n", b"abcdef");
    assert_eq!(reply.status, 0);
    assert_eq!(offset(&site, &url), Some(0));
}

#[test]
fn lengths_that_come_later_and_uploads_that_end() {
    let site = site();
    let url = create(&site, "/x", "Upload-Defer-Length: 1\r\n");
    assert_eq!(patch(&site, &url, 0, "", b"abc").status, 204);
    assert_eq!(site.ask("HEAD", &url, TUS, b"").header("upload-defer-length"), Some("1"));
    assert_eq!(patch(&site, &url, 3, "Upload-Length: 4\r\n", b"de").status, 413);
    assert_eq!(patch(&site, &url, 3, "Upload-Length: 5\r\n", b"de").status, 400);
    let at = offset(&site, &url).unwrap();
    assert_eq!(patch(&site, &url, at, "", &b"abcd"[at..]).status, 204);
    assert_eq!(read(&site.path("x")), b"abcd");
    let url = create(&site, "/y", "Upload-Length: 9\r\n");
    assert_eq!(site.ask("DELETE", &url, TUS, b"").status, 204);
    assert_eq!(site.ask("HEAD", &url, TUS, b"").status, 404);
    assert_eq!(site.ask("POST", "/", &format!("{TUS}Upload-Length: 1\r\n"), b"").status, 400);
    assert_eq!(site.ask("POST", "/z", TUS, b"").status, 400);
    assert_eq!(site.ask("POST", "/z", "Tus-Resumable: 0.2\r\nUpload-Length: 1\r\n", b"").status, 412);
}

#[test]
fn creation_with_bytes_and_only_if_new() {
    let site = site();
    let headers = format!("{TUS}Upload-Length: 3\r\nIf-None-Match: *\r\nContent-Type: application/offset+octet-stream\r\n");
    let reply = site.ask("POST", "/x", &headers, b"abc");
    assert_eq!((reply.status, reply.header("upload-offset")), (201, Some("3")));
    assert_eq!(read(&site.path("x")), b"abc");
    assert_eq!(site.ask("POST", "/x", &headers, b"new").status, 412);
    create(&site, "/empty", "Upload-Length: 0\r\n");
    assert_eq!(read(&site.path("empty")), b"");
    let options = site.ask("OPTIONS", "/", "", b"");
    assert!(options.status == 204 && options.header("tus-extension").unwrap().contains("creation-with-upload"));
}
