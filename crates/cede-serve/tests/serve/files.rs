//! Files out: whole, in ranges, under conditions, packed, listed.

use std::io::Read;

use crate::client::{Site, content};

#[test]
fn whole_files_of_all_sizes() {
    let site = Site::new(|_| {});
    for size in [0, 1, 4096, 256 * 1024, 256 * 1024 + 1, 3_000_000] {
        let bytes = content(size);
        site.write("a b.bin", &bytes);
        let reply = site.get("/a%20b.bin", "");
        assert_eq!((reply.status, reply.header("content-length")), (200, Some(size.to_string().as_str())));
        assert!(reply.body == bytes && reply.header("accept-ranges") == Some("bytes"));
        let head = site.ask("HEAD", "/a%20b.bin", "", b"");
        assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, Some(size.to_string().as_str()), 0));
        assert_eq!(head.header("etag"), reply.header("etag"));
    }
}

#[test]
fn one_range_and_several() {
    let site = Site::new(|_| {});
    let bytes = content(1_000_000);
    site.write("x", &bytes);
    let reply = site.get("/x", "Range: bytes=300000-899999\r\n");
    assert_eq!((reply.status, reply.header("content-range")), (206, Some("bytes 300000-899999/1000000")));
    assert!(reply.body == bytes[300_000..900_000]);
    let reply = site.get("/x", "Range: bytes=5-6,-2\r\n");
    let boundary = reply.header("content-type").unwrap().split_once("boundary=").unwrap().1.to_owned();
    let part = |place: &str, bytes: &[u8]| {
        let mut part =
            format!("\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {place}/1000000\r\n\r\n")
                .into_bytes();
        part.extend(bytes);
        part
    };
    let expected = [part("5-6", &bytes[5..7]), part("999998-999999", &bytes[999_998..]), format!("\r\n--{boundary}--\r\n").into_bytes()];
    assert!(reply.status == 206 && reply.body == expected.concat());
    let reply = site.get("/x", "Range: bytes=1000000-\r\n");
    assert_eq!((reply.status, reply.header("content-range")), (416, Some("bytes */1000000")));
}

#[test]
fn conditions() {
    let site = Site::new(|_| {});
    site.write("x", "hello");
    let first = site.get("/x", "");
    let (tag, date) = (first.header("etag").unwrap().to_owned(), first.header("last-modified").unwrap().to_owned());
    assert!(tag.starts_with('"'));
    assert_eq!(site.get("/x", &format!("If-None-Match: {tag}\r\n")).status, 304);
    assert_eq!(site.get("/x", &format!("If-Modified-Since: {date}\r\n")).status, 304);
    assert_eq!(site.get("/x", "If-Match: \"other\"\r\n").status, 412);
    assert_eq!(site.get("/x", &format!("If-Range: {tag}\r\nRange: bytes=1-1\r\n")).status, 206);
    assert_eq!(site.get("/x", &format!("If-Range: {date}\r\nRange: bytes=1-1\r\n")).status, 206);
    assert_eq!(site.get("/x", "If-Range: \"other\"\r\nRange: bytes=1-1\r\n").text(), "hello");
    // Another inode is another version, whatever the clock says.
    site.write("y", "HELLO");
    std::fs::rename(site.path("y"), site.path("x")).unwrap();
    assert_ne!(site.get("/x", "").header("etag"), Some(tag.as_str()));
}

#[test]
fn text_is_packed_for_those_who_can_unpack_it() {
    let site = Site::new(|_| {});
    let text = "all work and no play\n".repeat(50_000);
    site.write("a.txt", &text);
    let plain = site.get("/a.txt", "");
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));
    for (name, chunked) in [("gzip", true), ("zstd", true)] {
        let reply = site.get("/a.txt", &format!("Accept-Encoding: {name}\r\n"));
        assert_eq!((reply.header("content-encoding"), reply.header("content-length").is_none()), (Some(name), chunked));
        assert_ne!(reply.header("etag"), plain.header("etag"));
        let packed = unchunked(&reply.body);
        let mut back = String::new();
        match name {
            "gzip" => flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut back).unwrap(),
            _ => zstd::stream::read::Decoder::new(&packed[..]).unwrap().read_to_string(&mut back).unwrap(),
        };
        assert!(back == text, "{name}");
    }
    let ranged = site.get("/a.txt", "Accept-Encoding: gzip\r\nRange: bytes=0-9\r\n");
    assert_eq!((ranged.header("content-encoding"), ranged.text()), (None, "all work a"));
}

fn unchunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        if size == 0 {
            return out;
        }
        out.extend(&bytes[end + 2..end + 2 + size]);
        bytes = &bytes[end + 4 + size..];
    }
}

#[test]
fn directories() {
    let site = Site::new(|_| {});
    site.write("sub/b.txt", "b");
    site.write("sub/<a>", "a");
    site.write("with/index.html", "<p>index");
    let moved = site.get("/sub", "");
    assert_eq!((moved.status, moved.header("location")), (301, Some("/sub/")));
    assert_eq!(site.get("//sub", "").header("location"), Some("/sub/"));
    let page = site.get("/sub/", "");
    assert!(page.status == 200 && page.text().contains("&lt;a&gt;") && page.text().contains("b.txt"), "{}", page.text());
    let list: serde_json::Value = serde_json::from_slice(&site.get("/sub/", "Accept: application/json\r\n").body).unwrap();
    assert_eq!((&list[1]["name"], &list[1]["size"]), (&"b.txt".into(), &1.into()));
    assert_eq!(site.get("/with/", "").text(), "<p>index");
    assert_eq!(site.get("/sub/b.txt/", "").status, 404);
}

#[test]
fn nothing_outside() {
    let site = Site::new(|settings| settings.upload = true);
    site.write("in", "in");
    std::os::unix::fs::symlink("/etc/passwd", site.path("out")).unwrap();
    std::os::unix::fs::symlink("in", site.path("link")).unwrap();
    for (path, status) in [
        ("/../in", 400),
        ("/%2e%2e/etc/passwd", 400),
        ("/a%2fb", 400),
        ("/out", 404),
        ("/none", 404),
        ("/.cede-upload/", 404),
        ("/link", 200),
    ] {
        assert_eq!(site.get(path, "").status, status, "{path}");
    }
    assert!(!site.get("/", "").text().contains("cede-upload"));
    for method in ["PUT", "DELETE", "PATCH"] {
        assert_ne!(site.ask(method, "/../x", "", b"x").status / 100, 2, "{method}");
    }
    assert_eq!(site.ask("PUT", "/out", "", b"x").status, 404);
}

#[test]
fn reading_only() {
    let site = Site::new(|_| {});
    let reply = site.ask("PUT", "/x", "", b"x");
    assert_eq!((reply.status, reply.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    assert!(!site.path("x").exists() && !site.path(".cede-upload").exists());
    assert_eq!(site.ask("OPTIONS", "/x", "", b"").status, 204);
}
