//! `--cookie` and `--cookie-jar`, from run to run.

use crate::origin::{Origin, Setup};
use crate::run::Place;

fn cookies(origin: &Origin) -> Vec<String> {
    origin.asked().into_iter().map(|asked| asked.cookie.unwrap_or_default()).collect()
}

#[test]
fn a_jar_is_kept_from_run_to_run() {
    let place = Place::new("cookies");
    let headers = "Set-Cookie: seen=1; Path=/; Max-Age=3600\r\n".to_owned();
    let origin = Origin::start(Setup { size: 1000, headers, ..Setup::default() }, vec![]);
    let url = origin.url("/file");
    let jar = ["-f", "-b", "jar.txt", "--cookie-jar", "jar.txt", &url];
    // There is no jar yet, and that is no mistake.
    place.get(&jar).expect(0, &["saved file"]);
    place.get(&jar).expect(0, &["saved file"]);
    place.get(&["-f", "-b", "a=1", "-b", "b=2", &url]).expect(0, &["saved file"]);
    assert_eq!(cookies(&origin), ["", "seen=1", "a=1; b=2"]);
    let text = String::from_utf8(place.read("jar.txt")).unwrap();
    assert!(text.starts_with("# Netscape HTTP Cookie File") && text.contains("127.0.0.1\tFALSE\t/\tFALSE\t"), "{text}");
    assert_eq!(place.names(), ["file", "jar.txt"]);
}

#[test]
fn files_that_are_missing_or_wrong_are_told_before_anything_is_asked() {
    let place = Place::new("cookies-wrong");
    place.get(&["-b", "none.txt", "http://localhost:1/a"]).expect(2, &["--cookie none.txt: No such file"]);
    place.write("bad.txt", "# fine\nnot a cookie\n");
    place.get(&["-b", "bad.txt", "http://localhost:1/a"]).expect(2, &["--cookie bad.txt: line 2: a cookie has 7 fields"]);
}
