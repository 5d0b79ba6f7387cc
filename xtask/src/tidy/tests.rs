//! Each check finds what it is for, and lets the rest pass.

use super::*;

fn project(files: &[(&str, &str)]) -> Project {
    Project::new(files.iter().map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() }).collect())
}

/// What a check says about one file.
fn of(check: fn(&Project) -> Vec<Finding>, path: &str, text: &str) -> Vec<String> {
    let words = |finding| match finding {
        Finding::Forbidden(message) => message,
        Finding::Counted { rule, place, count, .. } => format!("{rule} {place} {count}"),
    };
    check(&project(&[(path, text)])).into_iter().map(words).filter(|message| message.contains(path)).collect()
}

fn manifest(layer: u32, dependency: &str) -> String {
    format!("[package]\nname = \"a\"\n\n[package.metadata.cede]\nlayer = {layer}\n\n[dependencies]\n{dependency}.workspace = true\n")
}

#[test]
fn dependencies_point_down() {
    let low = manifest(1, "libc");
    let check = |layer| layers::check(&project(&[("crates/low/Cargo.toml", &low), ("crates/high/Cargo.toml", &manifest(layer, "low"))]));
    assert_eq!(check(2), []);
    assert_eq!(check(1).len(), 1, "a layer must not depend on its own");
    assert_eq!(check(0).len(), 1);
    assert_eq!(layers::check(&project(&[("crates/new/Cargo.toml", "[package]\n")])).len(), 1, "a crate without a layer");
}

#[test]
fn the_core_has_no_std_but_in_tests() {
    let path = "crates/cede-core/src/a.rs";
    assert_eq!(of(layers::check, path, "use std::thread;\n").len(), 1);
    assert_eq!(of(layers::check, path, "use core::alloc::Layout;\n"), [""; 0]);
    assert_eq!(of(layers::check, path, "extern crate alloc;\n").len(), 1);
    assert_eq!(of(layers::check, path, "// std::thread\n#[cfg(test)]\nextern crate std;\nuse core::fmt;\nlet s = \"std::x\";\n"), [""; 0]);
    let gated =
        project(&[("crates/cede-core/src/lib.rs", "#[cfg(test)]\nmod tests;\n"), ("crates/cede-core/src/tests.rs", "use std::vec;\n")]);
    assert_eq!(layers::check(&gated), []);
}

#[test]
fn below_cede_nothing_is_global() {
    let manifest = manifest(2, "libc");
    let check = |text| layers::check(&project(&[("crates/a/Cargo.toml", &manifest), ("crates/a/src/b.rs", text)]));
    assert_eq!(check("static COUNT: AtomicUsize = AtomicUsize::new(0);\n").len(), 1);
    assert_eq!(check("static TABLE: Vtable = Vtable { a: 1 };\n"), []);
}

#[test]
fn exceptions_are_few_and_have_reasons_that_others_can_read() {
    let check = |list: &str, differences: &str, readme: &str| {
        let files = [("conformance/exceptions.toml", list), ("docs/differences-from-tokio.md", differences), ("README.md", readme)];
        exceptions::check(&project(&files)).len()
    };
    let list =
        "# Why.\n\n[[tokio]]\ntest = \"rt::a::nested\"\nreason = \"It works.\"\n\n[[api]]\nitem = \"impl Sync\"\nreason = \"None.\"\n";
    let (differences, readme) = ("panics (`nested`)", "| tokio's tests | 1414 | 1413 |");
    assert_eq!(check(list, differences, readme), 0);
    assert_eq!(check(list, "", readme), 1);
    assert_eq!(check(list, differences, "| tokio's tests | 1414 | 1414 |"), 1);
    assert_eq!(check(&list.replace("It works.", ""), differences, readme), 1);
    assert_eq!(check(&list.replace("reason = \"None.\"\n", ""), differences, readme), 1);
    let many = list.to_owned() + &"\n[[tokio]]\ntest = \"rt::nested\"\nreason = \"As above.\"\n".repeat(14);
    assert_eq!(check(&many, differences, "| tokio's tests | 1414 | 1399 |"), 1);
}

#[test]
fn unsafe_is_where_it_may_be() {
    assert_eq!(of(safety::check, "crates/a/src/b.rs", "fn f() { unsafe { g() } }\n").len(), 1);
    assert_eq!(of(safety::check, "crates/a/src/b.rs", "// unsafe\n#![forbid(unsafe_code)]\n"), [""; 0]);
    assert_eq!(of(safety::check, "crates/a/src/lib.rs", "//! Safe.\n").len(), 1, "a safe crate says so");
    assert_eq!(of(safety::check, "crates/a/src/lib.rs", "//! Safe.\n#![forbid(unsafe_code)]\n"), [""; 0]);
}

#[test]
fn safety_comments_cite_an_invariant() {
    let path = "crates/a/src/b.rs";
    assert_eq!(of(safety::check, path, "// SAFETY: obvious.\nx();\n"), [format!("safety-uncited {path} 1")]);
    assert_eq!(
        of(safety::check, path, "// SAFETY: [I3] as said.\nx();\n// SAFETY: long, and then\n// [I4] on its second line.\ny();\n"),
        [""; 0]
    );
}

#[test]
fn sizes_are_counted_without_comments_and_tests() {
    let path = "crates/a/src/b.rs";
    let lines = |count: usize| "let a = 1;\n".repeat(count);
    assert_eq!(of(size::check, path, &lines(400)), [""; 0]);
    assert_eq!(of(size::check, path, &lines(401)), [format!("file-lines {path} 401")]);
    assert_eq!(of(size::check, path, &format!("{}// comment\n\n#[cfg(test)]\nmod tests {{\n{}}}\n", lines(400), lines(5))), [""; 0]);
    assert_eq!(of(size::check, path, &format!("fn f() {{\n{}}}\n", lines(69))), [format!("function-lines {path}:f 71")]);
    assert_eq!(of(size::check, path, &format!("fn f() {{\n{}}}\n", lines(68))), [""; 0]);
}

#[test]
fn leftovers_and_empty_names_are_found() {
    let marked = concat!("//! Doc.\n// TO", "DO later\n");
    assert_eq!(of(leftovers::check, "crates/a/src/b.rs", marked).len(), 1);
    assert_eq!(of(leftovers::check, "crates/a/src/b.rs", "fn f() {}\n").len(), 1, "no `//!`");
    assert_eq!(of(leftovers::check, "crates/a/src/b.rs", "//! Doc.\nfn f() {}\n"), [""; 0]);
    assert_eq!(of(names::check, "crates/a/src/util.rs", "").len(), 1);
    assert_eq!(of(names::check, "crates/a/src/common/a.rs", "").len(), 1);
    assert_eq!(of(names::check, "crates/a/src/common_words.rs", ""), [""; 0]);
    assert_eq!(of(names::check, "crates/a/src/b/mod.rs", "").len(), 1);
}

#[test]
fn the_machine_is_not_mentioned() {
    assert_eq!(of(words::check, "README.md", concat!("see /wo", "rk/x\n")).len(), 1);
    assert_eq!(of(words::check, "README.md", concat!("see src/network/", "work/x and [patch.crates-io]\n")), [""; 0]);
}

#[test]
fn ratchets_only_shrink() {
    let recorded = ratchet::parse("# title\nfile-lines a.rs 500\nfile-lines gone.rs 450\n").unwrap();
    let counted = |count| [Finding::Counted { rule: "file-lines", place: "a.rs".to_owned(), count, limit: 400, detail: String::new() }];
    assert_eq!(ratchet::complaints(&recorded, &counted(500)).len(), 1, "gone.rs is no exception any more");
    assert_eq!(ratchet::complaints(&recorded, &counted(501)).len(), 2);
    assert_eq!(ratchet::complaints(&recorded, &counted(499)).len(), 2);
    let tightened = ratchet::parse(&ratchet::tightened(&recorded, &counted(499))).unwrap();
    assert_eq!(ratchet::complaints(&tightened, &counted(499)), [""; 0]);
    assert_eq!(
        ratchet::parse(&ratchet::tightened(&recorded, &counted(600))).unwrap()[&("file-lines".to_owned(), "a.rs".to_owned())],
        500,
        "never grows"
    );
    assert_eq!(ratchet::parse(&ratchet::tightened(&Ratchet::new(), &counted(600))).unwrap(), Ratchet::new(), "never adds");
    assert!(ratchet::parse("file-lines a.rs\n").is_err());
}

use ratchet::Ratchet;

#[test]
fn public_futures_say_what_is_lost() {
    let path = "crates/a/src/b.rs";
    for signature in ["pub async fn f() {}", "pub fn f(a: u8) -> impl Future<Output = ()> + Send\nwhere\n    T: Send,\n{\n}"] {
        let bare = format!("/// Waits.\n#[must_use]\n{signature}\n");
        assert_eq!(of(cancel::check, path, &bare).len(), 1, "{signature}");
        for words in ["# Cancel safety", "*Cancel safety*: all", "It is cancel-safe."] {
            assert_eq!(of(cancel::check, path, &format!("/// {words}\n{bare}")), [""; 0], "{signature}");
        }
    }
    for other in [
        "async fn f() {}",
        "pub fn f<F: Future>(f: F) -> u8 {}",
        "pub(crate) async fn f() {}",
        "#[cfg(test)]\nmod tests {\npub async fn f() {}\n}",
    ] {
        assert_eq!(of(cancel::check, path, other), [""; 0], "{other}");
    }
}
