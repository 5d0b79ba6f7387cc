//! Hostile and odd names.

use url::Url;

use super::{JOURNAL, SUFFIX, from_content_disposition, from_url, numbered, safe};

fn of_url(url: &str) -> Option<String> {
    from_url(&Url::parse(url).unwrap())
}

fn of_header(header: &str) -> Option<String> {
    from_content_disposition(header.as_bytes())
}

#[test]
fn urls_give_their_last_segment() {
    assert_eq!(of_url("http://h/a/b/file.tar.gz?x=1#y").as_deref(), Some("file.tar.gz"));
    assert_eq!(of_url("http://h/a%20b.txt").as_deref(), Some("a b.txt"));
    assert_eq!(of_url("http://h/%E2%82%AC.txt").as_deref(), Some("€.txt"));
    assert_eq!(of_url("http://h/"), None);
    assert_eq!(of_url("http://h/dir/"), None);
}

#[test]
fn nothing_climbs_out_of_the_directory() {
    assert_eq!(of_url("http://h/%2e%2e%2f%2e%2e%2fevil.bin").as_deref(), Some("evil.bin"));
    assert_eq!(of_url("http://h/..%5c..%5cevil.bin").as_deref(), Some("evil.bin"));
    assert_eq!(of_url("http://h/%2e%2e%2f"), None);
    assert_eq!(of_header(r#"attachment; filename="../../evil.bin""#).as_deref(), Some("evil.bin"));
    assert_eq!(of_header("attachment; filename=/etc/passwd").as_deref(), Some("passwd"));
    assert_eq!(safe(".."), None);
    assert_eq!(safe("."), None);
    assert_eq!(safe(" . . "), None);
    // Decoded once, not twice: what is left is harmless text.
    assert_eq!(of_url("http://h/%252e%252e%252fevil").as_deref(), Some("%2e%2e%2fevil"));
}

#[test]
fn every_result_is_one_component() {
    let pieces = ["..", "/", "\\", "a", "\0", ".", " ", "%2f", "\u{202e}", "-", "C:"];
    for a in pieces {
        for b in pieces {
            for c in pieces {
                let raw = format!("{a}{b}{c}");
                let Some(name) = safe(&raw) else { continue };
                let mut components = std::path::Path::new(&name).components();
                assert!(matches!(components.next(), Some(std::path::Component::Normal(_))), "{raw:?} became {name:?}");
                assert_eq!(components.next(), None, "{raw:?} became {name:?}");
                assert!(!name.starts_with(['.', '-']), "{raw:?} became {name:?}");
            }
        }
    }
}

#[test]
fn control_and_reserved_characters_become_underscores() {
    assert_eq!(of_url("http://h/a%00b%0aC%1b%5b31m.bin").as_deref(), Some("a_b_C_[31m.bin"));
    assert_eq!(safe("a\u{202e}gpj.exe").as_deref(), Some("a_gpj.exe"));
    assert_eq!(safe("a<b>c:d\"e|f?g*h").as_deref(), Some("a_b_c_d_e_f_g_h"));
    assert_eq!(safe("a\u{85}b").as_deref(), Some("a_b"));
}

#[test]
fn hidden_files_options_and_devices_are_defused() {
    assert_eq!(safe(".bashrc").as_deref(), Some("_bashrc"));
    assert_eq!(safe("...x").as_deref(), Some("___x"));
    assert_eq!(safe("-rf").as_deref(), Some("_rf"));
    assert_eq!(safe("CON").as_deref(), Some("_CON"));
    assert_eq!(safe("nul.txt").as_deref(), Some("_nul.txt"));
    assert_eq!(safe("com1.tar.gz").as_deref(), Some("_com1.tar.gz"));
    assert_eq!(safe("com0").as_deref(), Some("com0"));
    assert_eq!(safe("console").as_deref(), Some("console"));
    assert_eq!(safe("name. . ").as_deref(), Some("name"));
}

#[test]
fn long_names_keep_their_extension_and_whole_characters() {
    let name = safe(&format!("{}.tar", "€".repeat(200))).unwrap();
    assert!(name.ends_with("€.tar"));
    assert!(name.len() + SUFFIX.len() + JOURNAL.len() <= 255 && name.len() + SUFFIX.len() + JOURNAL.len() > 250, "{}", name.len());
    let name = safe(&"x".repeat(1000)).unwrap();
    assert_eq!(name.len() + SUFFIX.len() + JOURNAL.len(), 255);
    // A long "extension" is not one.
    let name = safe(&format!("a.{}", "y".repeat(1000))).unwrap();
    assert_eq!(name.len() + SUFFIX.len() + JOURNAL.len(), 255);
    assert_eq!(numbered(&name, 12).len() + SUFFIX.len() + JOURNAL.len(), 255);
}

#[test]
fn numbers_go_before_the_extension() {
    assert_eq!(numbered("a.txt", 1), "a.1.txt");
    assert_eq!(numbered("a", 2), "a.2");
    assert_eq!(numbered("_x", 2), "_x.2");
}

#[test]
fn content_disposition_in_the_wild() {
    assert_eq!(of_header("attachment; filename=plain.txt").as_deref(), Some("plain.txt"));
    assert_eq!(of_header(r#"attachment; filename="semi;colon.txt";"#).as_deref(), Some("semi_colon.txt".replace('_', ";")).as_deref());
    assert_eq!(of_header(r#"ATTACHMENT; FileName="a \"b\".txt""#).as_deref(), Some("a _b_.txt"));
    assert_eq!(of_header("attachment; filename*=UTF-8''%e2%82%ac%20rates.txt; filename=fallback.txt").as_deref(), Some("€ rates.txt"));
    assert_eq!(of_header("attachment; filename=fallback.txt; filename*=utf-8'en'%e2%82%ac.txt").as_deref(), Some("€.txt"));
    assert_eq!(of_header("attachment; filename*=iso-8859-1''%e9.txt").as_deref(), Some("é.txt"));
    // A broken `filename*` falls back to `filename`.
    assert_eq!(of_header("attachment; filename*=UTF-8''%ff%fe; filename=ok.txt").as_deref(), Some("ok.txt"));
    assert_eq!(of_header("attachment; filename*=nonsense; filename=ok.txt").as_deref(), Some("ok.txt"));
    assert_eq!(of_header("attachment; filename*=UTF-8''..%2f..%2fevil").as_deref(), Some("evil"));
    assert_eq!(of_header(r#"attachment; filename="unclosed.txt"#).as_deref(), Some("unclosed.txt"));
    assert_eq!(of_header("inline"), None);
    assert_eq!(of_header("attachment; filename="), None);
    assert_eq!(of_header(""), None);
    assert_eq!(from_content_disposition(b"attachment; filename=caf\xe9.txt").as_deref(), Some("café.txt"));
}
