//! `cede sum`, `verify`, `repair` and downloads by Metalink, as users meet them, against a server in this process that counts what it was asked.
#![forbid(unsafe_code)]

#[path = "support/pair.rs"]
mod pair;

use pair::Pair;

const PIECE: usize = 64 * 1024;
/// The last piece is a short one.
const SIZE: usize = 20 * PIECE + 1234;

/// A server for a directory, and a directory to work in.
struct Mending(Pair);

struct Ran {
    code: i32,
    err: String,
    out: String,
}

fn content() -> Vec<u8> {
    pair::content(SIZE)
}

/// The content with one byte of each piece turned over.
fn damaged(pieces: &[usize]) -> Vec<u8> {
    let mut bytes = content();
    pieces.iter().for_each(|piece| bytes[piece * PIECE + 77] ^= 1);
    bytes
}

impl std::ops::Deref for Mending {
    type Target = Pair;

    fn deref(&self) -> &Pair {
        &self.0
    }
}

impl Mending {
    fn start(name: &str, faults: &str) -> Self {
        Self(Pair::start(name, faults, SIZE, 2))
    }

    fn run(&self, args: &[&str]) -> Ran {
        let output = self.command(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), err: text(output.stderr), out: text(output.stdout) }
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.dir.join(name), bytes).unwrap();
    }

    fn is_right(&self, name: &str) -> bool {
        std::fs::read(self.dir.join(name)).unwrap() == content()
    }

    /// Writes `f.pieces` for the right content, as its publisher would.
    fn list(&self) {
        self.write("f", &content());
        let ran = self.run(&["sum", "--pieces=64k", "--url", &self.server.url("/f"), "f"]);
        ran.expect(0, &["wrote f.pieces"]);
    }

    /// What the server was asked, when it has ended.
    fn asked(&mut self) -> Vec<String> {
        self.0.server.stop();
        self.0.asked()
    }

    /// A Metalink for `f` with these mirrors, the best first.
    fn metalink(&self, mirrors: &[String]) -> String {
        let list = std::fs::read_to_string(self.dir.join("f.pieces")).unwrap();
        let (head, values) = list.split_once("\n\n").unwrap();
        let whole = head.lines().find_map(|line| line.strip_prefix("whole sha256:")).unwrap();
        let hashes: String = values.lines().map(|value| format!("<hash>{value}</hash>")).collect();
        let urls: String = mirrors.iter().zip(1..).map(|(url, priority)| format!("<url priority=\"{priority}\">{url}</url>")).collect();
        format!(
            "<?xml version=\"1.0\"?><metalink xmlns=\"urn:ietf:params:xml:ns:metalink\"><file name=\"f\"><size>{SIZE}</size>\
             <hash type=\"sha-256\">{whole}</hash><pieces length=\"{PIECE}\" type=\"sha-256\">{hashes}</pieces>{urls}</file></metalink>"
        )
    }
}

impl Ran {
    #[track_caller]
    fn expect(&self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        for text in texts {
            assert!(self.err.contains(text) || self.out.contains(text), "no {text:?} in:\n{}{}", self.out, self.err);
        }
    }
}

#[test]
fn only_what_is_wrong_is_fetched() {
    let mut pair = Mending::start("repair-few", "");
    pair.list();
    pair.run(&["verify", "-m", "f.pieces", "f"]).expect(0, &["right f (21 pieces)"]);
    pair.write("f", &damaged(&[3, 4, 9, 20]));
    let ran = pair.run(&["verify", "-m", "f.pieces", "f"]);
    ran.expect(10, &["4 of 21 pieces are wrong: 3-4, 9, 20", "cede repair"]);
    let ran = pair.run(&["repair", "f"]);
    ran.expect(0, &["4 of 21 pieces were wrong and are right now", "mended f piece 3-4, 9, 20 (193 KiB) from http://127.0.0.1"]);
    assert!(pair.is_right("f"));
    pair.run(&["repair", "f"]).expect(0, &["nothing was wrong"]);
    let asked = pair.asked();
    assert_eq!(asked.len(), 3, "one request for each run of pieces: {asked:?}");
    assert!(asked.iter().all(|line| line.contains(" 206 ")), "{asked:?}");
}

#[test]
fn lengths_are_mended_too() {
    let pair = Mending::start("repair-lengths", "");
    pair.list();
    pair.write("f", &content()[..5 * PIECE + 10]);
    pair.run(&["repair", "f"]).expect(0, &["16 of 21 pieces were wrong"]);
    assert!(pair.is_right("f"));
    pair.write("f", &[content(), vec![7; 100]].concat());
    pair.run(&["verify", "-m", "f.pieces", "f"]).expect(10, &["bytes, not"]);
    pair.run(&["repair", "f"]).expect(0, &["100 B after the end were cut off"]);
    assert!(pair.is_right("f"));
    pair.write("f", b"");
    pair.run(&["repair", "f", "-q"]).expect(0, &[]);
    assert!(pair.is_right("f"));
}

#[test]
fn a_source_that_is_damaged_itself() {
    let pair = Mending::start("repair-sources", "");
    pair.list();
    std::fs::write(pair.site.join("bad"), damaged(&[4, 9])).unwrap();
    let (bad, good) = (pair.server.url("/bad"), pair.server.url("/f"));
    pair.write("f", &damaged(&[3, 4, 5]));
    pair.run(&["repair", "f", &bad]).expect(10, &["1 pieces could not be mended (4)", "/bad has other bytes in piece 4"]);
    // What was right is there, and the rest is as it was.
    assert!(std::fs::read(pair.dir.join("f")).unwrap() == damaged(&[4]));
    pair.write("f", &damaged(&[3, 4, 5]));
    pair.run(&["repair", "f", &bad, &good]).expect(0, &["piece 3, 5 ", "/bad", "piece 4 ", "/f"]);
    assert!(pair.is_right("f"));
}

#[test]
fn another_version_at_the_source() {
    let pair = Mending::start("repair-version", "");
    pair.list();
    pair.write("f", &damaged(&[1]));
    std::fs::write(pair.site.join("f"), &content()[1..]).unwrap();
    pair.run(&["repair", "f"]).expect(11, &["1311953 bytes, that of the manifest 1311954"]);
    pair.run(&["repair", "f", &pair.server.url("/none")]).expect(7, &["404"]);
    assert!(std::fs::read(pair.dir.join("f")).unwrap() == damaged(&[1]));
}

#[test]
fn a_source_without_ranges_is_asked_once() {
    let mut pair = Mending::start("repair-no-ranges", "ignore-range");
    pair.list();
    pair.write("f", &damaged(&[0, 7, 20]));
    pair.run(&["repair", "f"]).expect(0, &["3 of 21 pieces were wrong"]);
    assert!(pair.is_right("f"));
    assert_eq!(pair.asked().len(), 1);
}

#[test]
fn connections_that_break_in_the_middle() {
    let pair = Mending::start("repair-breaks", "reset=50%,after=30K..200K;status=503:20%");
    pair.list();
    pair.write("f", b"");
    pair.run(&["repair", "f", "--retry", "60", "--retry-wait", "0.001"]).expect(0, &["21 of 21 pieces"]);
    assert!(pair.is_right("f"));
}

#[test]
fn what_cannot_be_repaired_is_said() {
    let pair = Mending::start("repair-cannot", "");
    pair.write("f", &damaged(&[1]));
    pair.run(&["repair", "f"]).expect(2, &["there is no f.pieces", "--manifest"]);
    pair.list();
    pair.run(&["repair", "g", "-m", "f.pieces"]).expect(3, &["there is no g"]);
    pair.write("f", &damaged(&[1]));
    pair.write("bare.pieces", std::fs::read_to_string(pair.dir.join("f.pieces")).unwrap().replace("url ", "other ").as_bytes());
    pair.run(&["repair", "f", "-m", "bare.pieces"]).expect(10, &["1 of 21 pieces are wrong (1)", "give its URL"]);
    pair.write("broken.pieces", b"cede pieces 1\nsize 10\n");
    pair.run(&["verify", "f", "-m", "broken.pieces"]).expect(2, &["is not a manifest"]);
    std::os::unix::fs::symlink("f", pair.dir.join("link")).unwrap();
    assert_eq!(pair.run(&["repair", "link", "-m", "f.pieces"]).code, 3);
    let held = std::fs::File::open(pair.dir.join("f")).unwrap();
    held.lock().unwrap();
    pair.run(&["repair", "f"]).expect(13, &["another process writes to f"]);
    assert!(std::fs::read(pair.dir.join("f")).unwrap() == damaged(&[1]));
}

#[test]
fn a_download_by_metalink_mends_what_a_mirror_has_wrong() {
    let pair = Mending::start("repair-metalink", "");
    pair.list();
    std::fs::write(pair.site.join("bad"), damaged(&[2, 11])).unwrap();
    let link = pair.metalink(&[pair.server.url("/bad"), pair.server.url("/f")]);
    pair.write("x.meta4", link.as_bytes());
    std::fs::remove_file(pair.dir.join("f")).unwrap();
    // One connection, so that the bad mirror is the one that everything comes from.
    pair.run(&["get", "-s", "1", "x.meta4"]).expect(0, &["saved f", "2 of 21 pieces fetched again, now right"]);
    assert!(pair.is_right("f"));
    pair.write("f", &damaged(&[0]));
    pair.run(&["repair", "f", "--metalink", "x.meta4"]).expect(0, &["1 of 21 pieces were wrong"]);
    assert!(pair.is_right("f"));
    // The list of pieces describes a download just as well.
    pair.run(&["get", "-d", "again", "--manifest", "f.pieces"]).expect(0, &["sha-256 right"]);
    assert!(pair.is_right("again/f"));
}

#[test]
fn a_metalink_that_does_not_fit_leaves_no_file() {
    let pair = Mending::start("repair-unfit", "");
    pair.list();
    std::fs::write(pair.site.join("bad"), damaged(&[2])).unwrap();
    let only_bad = pair.metalink(&[pair.server.url("/bad")]);
    pair.write("a.meta4", only_bad.as_bytes());
    pair.run(&["get", "-d", "a", "a.meta4"]).expect(10, &["1 pieces could not be mended (2)", "kept in"]);
    let start = only_bad.find("<pieces").unwrap();
    let end = only_bad.find("</pieces>").unwrap() + "</pieces>".len();
    let without = [&only_bad[..start], &only_bad[end..]].concat();
    pair.write("b.meta4", without.as_bytes());
    pair.run(&["get", "-d", "b", "b.meta4"]).expect(10, &["the SHA-256 is"]);
    pair.write("c.meta4", without.replace(&format!("<size>{SIZE}<"), "<size>5<").as_bytes());
    pair.run(&["get", "-d", "c", "c.meta4"]).expect(10, &["the manifest says 5"]);
    assert!(["a/f", "b/f", "c/f"].iter().all(|name| !pair.dir.join(name).exists()));
}

#[test]
fn a_metalink_at_a_url_is_followed() {
    let pair = Mending::start("repair-remote", "");
    pair.list();
    std::fs::remove_file(pair.dir.join("f")).unwrap();
    std::fs::write(pair.site.join("bad"), damaged(&[4])).unwrap();
    let text = pair.metalink(&[pair.server.url("/bad"), pair.server.url("/f")]);
    let second = format!("<file name=\"d/g\"><url>{}</url></file></metalink>", pair.server.url("/f"));
    std::fs::write(pair.site.join("x.meta4"), text.replace("</metalink>", &second)).unwrap();
    let url = pair.server.url("/x.meta4");
    pair.run(&["get", "-d", "got", &url]).expect(0, &["a Metalink of 2 files, followed", "saved f", "saved g"]);
    assert!(pair.is_right("got/f") && pair.is_right("got/d/g"));
    assert!(!pair.dir.join("got/x.meta4").exists());
    // Who names a file wants that file.
    pair.run(&["get", "-o", "x.meta4", &url]).expect(0, &["saved x.meta4"]);
    assert!(pair.dir.join("x.meta4").exists());
    std::fs::write(pair.site.join("y.meta4"), "no such thing").unwrap();
    pair.run(&["get", &pair.server.url("/y.meta4")]).expect(1, &["y.meta4: it is not a Metalink", "--output"]);
}
