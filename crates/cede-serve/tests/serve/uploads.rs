//! Files in: PUT and forms.

use std::io::Write;

use crate::client::{Reply, Site, content, read};

fn site() -> Site {
    Site::new(|settings| settings.upload = true)
}

#[test]
fn put_new_and_again() {
    let site = site();
    let bytes = content(1_500_000);
    let reply = site.ask("PUT", "/deep/er/x.bin", "", &bytes);
    assert_eq!(reply.status, 201, "{}", reply.text());
    assert!(read(&site.path("deep/er/x.bin")) == bytes);
    assert_eq!(site.get("/deep/er/x.bin", "").header("etag"), reply.header("etag"));
    assert_eq!(site.ask("PUT", "/deep/er/x.bin", "", b"new").status, 204);
    assert_eq!(read(&site.path("deep/er/x.bin")), b"new");
    assert_eq!(site.leftovers(), Vec::<String>::new());
}

#[test]
fn conditions_of_put() {
    let site = site();
    assert_eq!(site.ask("PUT", "/x", "If-None-Match: *\r\n", b"1").status, 201);
    assert_eq!(site.ask("PUT", "/x", "If-None-Match: *\r\n", b"2").status, 412);
    let tag = site.get("/x", "").header("etag").unwrap().to_owned();
    assert_eq!(site.ask("PUT", "/x", "If-Match: \"other\"\r\n", b"3").status, 412);
    assert_eq!(read(&site.path("x")), b"1");
    assert_eq!(site.ask("PUT", "/x", &format!("If-Match: {tag}\r\n"), b"4").status, 204);
    assert_eq!(read(&site.path("x")), b"4");
}

#[test]
fn what_is_wrong_is_not_stored() {
    let site = Site::new(|settings| {
        settings.upload = true;
        settings.max_upload = Some(10);
    });
    std::fs::create_dir(site.path("dir")).unwrap();
    let cases = [
        ("/x", "Content-MD5: AAAAAAAAAAAAAAAAAAAAAA==\r\n", 400),
        ("/x", "Content-MD5: ?\r\n", 400),
        ("/x", "Content-Range: bytes 0-2/9\r\n", 400),
        ("/dir/", "", 409),
        ("/dir", "", 409),
        ("/.cede-upload/x", "", 404),
    ];
    for (path, headers, status) in cases {
        assert_eq!(site.ask("PUT", path, headers, b"abc").status, status, "{path} {headers}");
    }
    assert_eq!(site.ask("PUT", "/x", "", b"more than ten").status, 413);
    let mut stream = site.connect();
    let chunked = "PUT /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\nd\r\nmore than ten\r\n0\r\n\r\n";
    stream.write_all(chunked.as_bytes()).unwrap();
    assert_eq!(Reply::read(&mut stream).status, 413);
    assert_eq!(site.ask("PUT", "/x", "Content-MD5: kAFQmDzST7DWlj99KOF/cg==\r\n", b"abc").status, 201);
    assert_eq!(site.leftovers(), Vec::<String>::new());
}

#[test]
fn half_a_file_is_no_file() {
    let mut site = site();
    let mut stream = site.connect();
    stream.write_all(b"PUT /x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\nhalf").unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    drop(Reply::read(&mut stream));
    site.server.stop();
    assert!(!site.path("x").exists());
    assert_eq!(site.leftovers(), Vec::<String>::new());
}

fn form(files: &[(&str, &str)]) -> Vec<u8> {
    let part = |(name, text): &(&str, &str)| {
        format!("--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"{name}\"\r\nContent-Type: text/plain\r\n\r\n{text}\r\n")
    };
    let plain = "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nnot a file\r\n";
    format!("{}{plain}--b--\r\n", files.iter().map(part).collect::<String>()).into_bytes()
}

#[test]
fn forms() {
    let site = site();
    let kind = "Content-Type: multipart/form-data; boundary=b\r\n";
    let reply = site.ask("POST", "/in/", kind, &form(&[("a.txt", "aaa"), ("../../b.txt", "bbb")]));
    assert_eq!((reply.status, reply.text()), (201, "{\"stored\":[\"a.txt\",\"b.txt\"]}\n"));
    assert_eq!((read(&site.path("in/a.txt")), read(&site.path("in/b.txt"))), (b"aaa".to_vec(), b"bbb".to_vec()));
    let again = site.ask("POST", "/in/", kind, &form(&[("c.txt", "c"), ("a.txt", "new")]));
    assert_eq!(again.status, 409, "{}", again.text());
    assert!(again.text().contains("c.txt") && read(&site.path("in/a.txt")) == b"aaa");
    assert_eq!(site.ask("POST", "/in/", kind, &form(&[("..", "x")])).status, 400);
    assert_eq!(site.ask("POST", "/in/", kind, b"--b\r\nbroken").status, 400);
    assert_eq!(site.ask("POST", "/in/", "", b"x").status, 415);
    assert_eq!(site.leftovers(), Vec::<String>::new());
}
