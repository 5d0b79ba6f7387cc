//! Code, comments and literals are told apart.

use super::*;

#[test]
fn literals_and_comments_are_not_code() {
    let source =
        Source::new("let a = \"{ // no\"; // yes }\nlet b = '\\''; let c: &'static str = r#\"\"}\"#;\n/* a /* b */ { */ let d = '\"';");
    assert_eq!(source.lines[0].code.trim(), "let a = \"\";");
    assert_eq!(source.lines[0].comment, "// yes }");
    assert_eq!(source.lines[1].code, "let b = \"\"; let c: &'static str = \"\";");
    assert_eq!(source.lines[2].code.trim(), "let d = \"\";");
}

#[test]
fn functions_have_ends() {
    let source = Source::new(
        "trait A { fn a(&self, b: [u8; 4]); }\nfn c(\n) {\n  if x { y }\n}\n#[cfg(test)]\nmod tests {\n  fn d() {\n }\n}\nfn e() {}\n",
    );
    let names: Vec<_> = source.functions().into_iter().map(|function| (function.name, function.first, function.last)).collect();
    assert_eq!(names, [("c".to_owned(), 1, 4), ("e".to_owned(), 10, 10)]);
}

#[test]
fn gated_items_are_not_counted() {
    let source = Source::new(
        "//! Doc.\n#[cfg(test)]\nmod tests;\n#[cfg(any(test, loom))]\nextern crate std;\n#[cfg(not(loom))]\nmod real;\n\nfn f() {}\n",
    );
    assert_eq!(source.gated_modules(), ["tests"]);
    assert_eq!(source.code_lines(), 3);
}

#[test]
fn words_stand_alone() {
    assert_eq!(find_word("unsafe_code unsafe", "unsafe"), Some(12));
    assert_eq!(find_word("unsafe_code", "unsafe"), None);
}
