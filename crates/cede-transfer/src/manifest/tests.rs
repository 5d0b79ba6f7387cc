//! Lists there and back, and what is refused.

use super::{MAGIC, Manifest, Pieces, metalink, read};
use crate::sum::Algorithm;

fn digest(bytes: &[u8], algorithm: Algorithm) -> Vec<u8> {
    let mut hasher = algorithm.hasher();
    hasher.update(bytes);
    hasher.finish().value
}

fn sample() -> Manifest {
    let content = b"0123456789";
    let values = content.chunks(4).map(|piece| digest(piece, Algorithm::Sha256)).collect();
    let mut whole = Algorithm::Blake3.hasher();
    whole.update(content);
    Manifest {
        name: Some("a b.bin".to_owned()),
        size: Some(10),
        sums: vec![whole.finish()],
        pieces: Some(Pieces::new(10, 4, Algorithm::Sha256, values).unwrap()),
        urls: vec!["https://example.com/a%20b.bin".parse().unwrap()],
    }
}

#[test]
fn there_and_back() {
    let manifest = sample();
    let text = manifest.to_text().unwrap();
    assert!(text.starts_with(MAGIC), "{text}");
    assert_eq!(Manifest::parse(&text), Ok(manifest.clone()));
    assert_eq!(read(text.replace('\n', "\r\n").as_bytes()), Ok(vec![manifest.clone()]));
    let pieces = manifest.pieces.unwrap();
    assert_eq!((pieces.range(0), pieces.range(2)), (0..4, 8..10));
    assert!(pieces.is_right(2, b"89") && !pieces.is_right(2, b"98") && !pieces.is_right(3, b""));
}

#[test]
fn numbers_that_do_not_fit() {
    let text = sample().to_text().unwrap();
    let last = text.trim_end().rfind('\n').unwrap();
    for (wrong, why) in [
        (text[..last].to_owned(), "3 pieces of 4, but there are 2"),
        (text.replace("size 10", "size 13"), "4 pieces"),
        (text.replace("piece 4", "piece 0"), "pieces of 0 bytes"),
        (text.replace("algorithm sha256", "algorithm md5"), "piece 0 is not a MD5"),
        (text.replace("algorithm sha256", "algorithm crc"), "crc is not a checksum"),
        (text.replace("size 10", "size ten"), "line 3: ten is not a number"),
        (text.replace("url https", "url file"), "not an http or https URL"),
        ("nonsense".to_owned(), "does not begin"),
        (format!("{MAGIC}\n"), "no size"),
    ] {
        let told = Manifest::parse(&wrong).unwrap_err();
        assert!(told.contains(why), "{why}: {told}");
    }
}

#[test]
fn names_stay_below() {
    let named = |name: &str| Manifest::parse(&sample().to_text().unwrap().replace("a b.bin", name)).unwrap().name;
    assert_eq!(named("../../etc/passwd").as_deref(), Some("etc/passwd"));
    assert_eq!(named("/x/./y").as_deref(), Some("x/y"));
    assert_eq!(named("..\\..\\z").as_deref(), Some("z"));
    assert_eq!(named("../.."), None);
}

const LINK: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <generator>x/1</generator>
  <file name="dir/one &amp; two.bin">
    <size>10</size>
    <hash type="md5">781e5e245d69b566979b86e28d23f2c7</hash>
    <hash type="sha-256">84D89877F0D4041EFB6BF91A16F0248F2FD573E6AF05C19F96BEDB9F882F7882</hash>
    <pieces length="8" type="sha-1"><hash>
      7c4a8d09ca3762af61e59520943dc26494f8941b</hash><hash>7c4a8d09ca3762af61e59520943dc26494f8941b</hash></pieces>
    <url location="de" priority="5">https://b.example/f</url>
    <url priority="1">https://a.example/f?x=1&amp;y=2</url>
    <url>ftp://c.example/f</url>
    <url>https://d.example/f</url>
    <metaurl mediatype="torrent">https://t.example/f.torrent</metaurl>
    <signature mediatype="application/pgp-signature"><![CDATA[<none>]]></signature>
  </file>
  <file name="empty"><size>0</size></file>
</metalink>"#;

#[test]
fn metalinks() {
    let files = read(LINK.as_bytes()).unwrap();
    assert_eq!(files.len(), 2);
    let first = &files[0];
    assert_eq!(first.name.as_deref(), Some("dir/one & two.bin"));
    assert_eq!(first.size, Some(10));
    assert_eq!(first.sum().unwrap().algorithm, Algorithm::Sha256);
    assert_eq!(first.sums.len(), 2);
    let pieces = first.pieces.as_ref().unwrap();
    assert_eq!((pieces.count(), pieces.piece, pieces.algorithm), (2, 8, Algorithm::Sha1));
    let urls: Vec<_> = first.urls.iter().map(url::Url::as_str).collect();
    assert_eq!(urls, ["https://a.example/f?x=1&y=2", "https://b.example/f", "https://d.example/f"]);
    assert_eq!((files[1].name.as_deref(), files[1].size, files[1].is_proof()), (Some("empty"), Some(0), false));
}

#[test]
fn metalinks_that_are_wrong() {
    for (wrong, why) in [
        (LINK.replace("<size>10</size>", ""), "size"),
        (LINK.replace("length=\"8\"", "length=\"4\""), "3 pieces of 4"),
        (LINK.replace("length=\"8\"", ""), "length"),
        (LINK.replace("</metalink>", ""), "ends in the middle"),
        (LINK.replace("<generator>", "<generator><"), ""),
        (LINK.replace("84D8", "zz"), "SHA-256"),
        (LINK.replace("<size>10<", "<size>ten<"), "not a number"),
        (LINK.replace("name=\"empty\"", "name=\"../\""), "no name"),
        (LINK.replace("&amp; two", "&own; two"), ""),
        ("<html></html>".to_owned(), "no file"),
        ("<!DOCTYPE x [<!ENTITY a \"b\">]><metalink/>".to_owned(), "document type"),
    ] {
        let told = metalink::parse(&wrong).expect_err(why);
        assert!(told.contains(why), "{why}: {told}");
    }
}

#[test]
fn old_metalinks_are_named() {
    let told = metalink::parse("<metalink version=\"3.0\" xmlns=\"http://www.metalinker.org/\"><files/></metalink>").unwrap_err();
    assert!(told.contains("Metalink 3"), "{told}");
}
