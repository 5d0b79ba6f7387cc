//! Which cookie reaches whom.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::PathBuf;

use hyper::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use url::Url;

use super::Cookies;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn set(cookies: &Cookies, from: &str, texts: &[&str]) -> bool {
    let mut headers = HeaderMap::new();
    headers.extend(texts.iter().map(|text| (SET_COOKIE, HeaderValue::from_str(text).unwrap())));
    cookies.heed(&url(from), &headers)
}

fn sent(cookies: &Cookies, to: &str) -> String {
    let mut headers = HeaderMap::new();
    cookies.add(&url(to), &mut headers);
    headers.get(COOKIE).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

#[test]
fn domain_path_scheme_and_expiry_decide() {
    let jar = Cookies::default();
    let texts = ["host=1", "below=2; Domain=example.com", "dir=3; Path=/dir", "safe=4; Secure", "old=5; Max-Age=0"];
    assert!(set(&jar, "https://example.com/x", &texts));
    assert_eq!(sent(&jar, "https://example.com/"), "below=2; host=1; safe=4");
    assert_eq!(sent(&jar, "https://example.com/dir/a"), "dir=3; below=2; host=1; safe=4");
    assert_eq!(sent(&jar, "http://example.com/dirt"), "below=2; host=1");
    assert_eq!(sent(&jar, "https://sub.example.com/"), "below=2");
    for elsewhere in ["https://example.org/", "https://badexample.com/", "https://com/", "https://example.com.evil.org/"] {
        assert_eq!(sent(&jar, elsewhere), "", "{elsewhere}");
    }
    assert!(set(&jar, "https://example.com/x", &["host=; Max-Age=0"]));
    assert_eq!(sent(&jar, "http://example.com/"), "below=2");
}

#[test]
fn nobody_sets_cookies_for_others() {
    let jar = Cookies::default();
    assert!(!set(&jar, "https://a.example.com/", &["a=1; Domain=b.example.com", "b=2; Domain=example.org", "c=3; Domain=com"]));
    assert!(!set(&jar, "https://a.co.uk/", &["a=1; Domain=co.uk"]));
    assert!(!set(&jar, "https://me.github.io/", &["a=1; Domain=github.io"]));
    assert!(!set(&jar, "https://127.0.0.1/", &["a=1; Domain=0.0.1"]));
    // Over http, nothing that is secure, neither new nor instead of another.
    assert!(!set(&jar, "http://example.com/", &["a=1; Secure", "__Secure-b=2", "__Host-c=3"]));
    assert!(set(&jar, "https://example.com/", &["a=right; Secure"]));
    assert!(!set(&jar, "http://example.com/", &["a=wrong"]));
    assert!(!set(&jar, "https://example.com/", &["__Host-d=4; Secure; Domain=example.com; Path=/"]));
    assert_eq!(sent(&jar, "https://example.com/"), "a=right");
}

#[test]
fn only_news_is_a_change() {
    let jar = Cookies::default();
    assert!(set(&jar, "http://h/", &["a=1"]));
    assert!(!set(&jar, "http://h/", &["a=1"]));
    assert!(set(&jar, "http://h/", &["a=2"]));
    assert!(!set(&jar, "http://h/", &["", ";", "=", "nothing"]));
}

#[test]
fn the_user_s_own_come_first() {
    let jar = Cookies::default();
    set(&jar, "http://h/", &["a=1"]);
    let mut headers = HeaderMap::new();
    headers.insert(COOKIE, HeaderValue::from_static("mine=0"));
    jar.add(&url("http://h/"), &mut headers);
    assert_eq!(headers[COOKIE], "mine=0; a=1");
    assert!(headers[COOKIE].is_sensitive());
}

#[test]
fn files_there_and_back() {
    let jar = Cookies::default();
    let text = "# a comment\n.example.com\tTRUE\t/\tFALSE\t0\tsession\tone two\r\n\n#HttpOnly_h.example\tFALSE\t/d\tTRUE\t4102444800\tn\tv=w\nexample.org\tFALSE\t/\tFALSE\t1\told\tx\n";
    jar.read(text).unwrap();
    assert_eq!(sent(&jar, "http://www.example.com/"), "session=one two");
    assert_eq!((sent(&jar, "https://h.example/d/x"), sent(&jar, "http://h.example/d/x")), ("n=v=w".to_owned(), String::new()));
    assert_eq!(sent(&jar, "http://example.org/"), "");
    let again = Cookies::default();
    again.read(&jar.write()).unwrap();
    assert_eq!(again.write(), jar.write());
    assert!(jar.write().starts_with("# Netscape HTTP Cookie File\n"));
    assert!(!format!("{jar:?}").contains("one two"));
}

#[test]
fn wrong_files_are_told() {
    for (text, why) in [
        ("a b c", "line 1: a cookie has 7 fields"),
        ("\nh\tFALSE\t/\tFALSE\tsoon\tn\tv", "line 2: soon is not a time"),
        ("h h\tFALSE\t/\tFALSE\t0\tn\tv", "is not a host"),
    ] {
        let told = Cookies::default().read(text).unwrap_err();
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_jar_that_refuses() {
    let jar = Cookies::refused();
    assert!(!set(&jar, "http://h/", &["a=1"]));
    jar.read("h\tFALSE\t/\tFALSE\t0\tn\tv").unwrap();
    assert_eq!(sent(&jar, "http://h/"), "");
}

#[test]
fn a_public_suffix_sets_cookies_for_itself_alone() {
    for (suffix, below) in [("github.io", "evil.github.io"), ("s3.amazonaws.com", "evil.s3.amazonaws.com"), ("localhost", "a.localhost")] {
        let jar = Cookies::default();
        assert!(set(&jar, &format!("https://{suffix}/"), &[&format!("a=1; Domain={suffix}")]));
        assert!(!set(&jar, &format!("https://{below}/"), &[&format!("a=2; Domain={suffix}")]));
        assert_eq!(
            (sent(&jar, &format!("https://{suffix}/")), sent(&jar, &format!("https://{below}/"))),
            ("a=1".to_owned(), String::new())
        );
        // Nor does it by way of the file.
        let again = Cookies::default();
        again.read(&jar.write()).unwrap();
        assert_eq!(sent(&again, &format!("https://{below}/")), "");
    }
    assert!(!set(&Cookies::default(), "https://github.io/", &["__Host-a=1; Secure; Path=/; Domain=github.io"]));
}

#[test]
fn nothing_comes_without_encryption_beside_a_secure_cookie() {
    let jar = Cookies::default();
    assert!(set(
        &jar,
        "https://www.example.com/x/y",
        &["session=right; Secure; Path=/x", "wide=right; Secure; Domain=example.com; Path=/"]
    ));
    for text in ["session=wrong; Domain=example.com; Path=/x", "session=wrong; Path=/x/y", "wide=wrong; Path=/", "wide=wrong; Path=/z"] {
        assert!(!set(&jar, "http://www.example.com/x/y", &[text]), "{text}");
    }
    assert!(!set(&jar, "http://below.www.example.com/x", &["session=wrong; Path=/x"]));
    assert_eq!(sent(&jar, "https://www.example.com/x/y"), "session=right; wide=right");
    // Another name, another place, or an end of the secure one.
    assert!(set(&jar, "http://www.example.com/", &["other=1", "session=2; Path=/xy"]));
    assert!(set(&jar, "http://notwww.example.com/x", &["session=3; Path=/x"]));
    set(&jar, "https://www.example.com/x/y", &["session=; Max-Age=0; Secure; Path=/x"]);
    assert!(set(&jar, "http://www.example.com/x/", &["session=4; Path=/x"]));
}

/// An empty directory.
fn place(name: &str) -> PathBuf {
    let place = std::env::temp_dir().join(format!("cede-cookies-{name}-{}", std::process::id()));
    fs::create_dir_all(&place).unwrap();
    place
}

#[test]
fn the_file_is_its_owner_s_and_follows_no_link_of_others() {
    let place = place("draft");
    let (path, victim) = (place.join("jar"), place.join("victim"));
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, place.join(format!("jar.{}", std::process::id()))).unwrap();
    let jar = Cookies::default();
    set(&jar, "http://h/", &["a=1"]);
    jar.save(&path).unwrap();
    jar.save(&path).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(fs::read_to_string(&path).unwrap(), jar.write());
    assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(&place).unwrap().count(), 3);
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn what_is_no_file_stays_what_it_is() {
    let place = place("link");
    let (path, target) = (place.join("jar"), place.join("target"));
    fs::write(&target, "a longer text than that of the jar ".repeat(9)).unwrap();
    symlink("target", &path).unwrap();
    let jar = Cookies::default();
    set(&jar, "http://h/", &["a=1"]);
    jar.save(&path).unwrap();
    assert!(fs::symlink_metadata(&path).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&target).unwrap(), jar.write());
    // As with a device: one cannot be made here, nor is one put at risk.
    let pipe = place.join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    let reader = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    jar.save(&pipe).unwrap();
    drop(reader);
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn a_jar_that_refuses_saves_nothing() {
    let place = place("refused");
    let path = place.join("jar");
    fs::write(&path, "mine").unwrap();
    Cookies::refused().save(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    fs::remove_dir_all(place).unwrap();
}
