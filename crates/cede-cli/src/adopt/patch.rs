//! The patch in the text of a manifest. Lines are added and taken away; the rest stays as it was written, comments and all.

use std::path::Path;

/// At the end of each line that is ours.
const MARK: &str = "# by `cede adopt`";

/// The manifest with the patch; `None` if it is there already. `versions` are those that are to come back when it is undone.
///
/// # Errors
/// If tokio is patched by somebody else, or patches are written in a form that lines cannot be added to.
pub(super) fn add(text: &str, facade: &Path, versions: &[String]) -> Result<Option<String>, String> {
    if text.lines().any(|line| line.contains(MARK) && key(line) == "tokio") {
        return Ok(None);
    }
    let was = if versions.is_empty() { String::new() } else { format!(", was {}", versions.join(" ")) };
    // Rust's quoting of a path is TOML's.
    let entry = format!("tokio = {{ path = {:?} }} {MARK}{was}\n", facade.display().to_string());
    let mut table = "";
    let mut at = None;
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        let code = code(line);
        if code.starts_with('[') {
            table = code;
        }
        let header = code.replace(['"', '\'', ' '], "");
        if header == "[patch.crates-io]" {
            at = Some(end);
        } else if header == "[patch.crates-io.tokio]" || (is_patch(table) && key(line) == "tokio") {
            return Err("the manifest patches tokio already".to_owned());
        } else if header == "[patch]" || header.starts_with("patch.") {
            return Err("the manifest has a table [patch] that is not [patch.crates-io]; add the patch by hand".to_owned());
        }
    }
    let Some(at) = at else {
        let gap = if text.ends_with('\n') || text.is_empty() { "\n" } else { "\n\n" };
        return Ok(Some(format!("{text}{gap}[patch.crates-io] {MARK}\n{entry}")));
    };
    let (before, after) = text.split_at(at);
    let gap = if before.ends_with('\n') { "" } else { "\n" };
    Ok(Some(format!("{before}{gap}{entry}{after}")))
}

/// The manifest without the patch, and the versions that were there before; `None` if there is none of ours.
pub(super) fn remove(text: &str) -> Option<(String, Vec<String>)> {
    let ours = text.lines().find(|line| line.contains(MARK) && key(line) == "tokio")?;
    let versions = ours.split_once(", was ").map(|(_, versions)| versions.split(' ').map(str::to_owned).collect()).unwrap_or_default();
    // An editor may have given the lines other ends since.
    let end = if text.contains(&format!("{MARK}\r\n")) { "\r\n" } else { "\n" };
    let header = format!("[patch.crates-io] {MARK}{end}");
    let left: String = text.split_inclusive('\n').filter(|line| line.trim_end_matches(['\r', '\n']) != ours).collect();
    // If somebody has put more into the table, it stays.
    let is_empty = left
        .split_once(&header)
        .is_some_and(|(_, after)| after.lines().map(code).find(|line| !line.is_empty()).is_none_or(|line| line.starts_with('[')));
    let left = match left.split_once(&header) {
        Some((before, after)) if is_empty => format!("{}{after}", before.strip_suffix(end).unwrap_or(before)),
        _ => left,
    };
    Some((left, versions))
}

fn is_patch(table: &str) -> bool {
    table.replace(['"', '\'', ' '], "") == "[patch.crates-io]"
}

/// A line without its comment.
fn code(line: &str) -> &str {
    line.split('#').next().unwrap_or("").trim()
}

/// The first part of the key that a line sets.
fn key(line: &str) -> &str {
    code(line).split(['=', '.', ' ']).next().unwrap_or("").trim_matches(['"', '\''])
}

#[cfg(test)]
mod tests {
    use super::{add, remove};
    use std::path::Path;

    fn patched(text: &str) -> String {
        add(text, Path::new("/a/tokio"), &["1.54.1".to_owned()]).unwrap().unwrap()
    }

    #[test]
    fn what_was_added_is_taken_away_again() {
        for text in [
            "[package]\nname = \"a\"\n",
            "[package]\nname = \"a\"",
            "[patch.crates-io]\nlibc = { path = \"x\" } # why\n\n[profile.dev]\ndebug = 0\n",
            "[patch.'crates-io'] # ours\n",
            "",
        ] {
            let new = patched(text);
            assert_eq!(new.matches("tokio = { path = \"/a/tokio\" }").count(), 1, "{new}");
            assert_eq!(add(&new, Path::new("/a/tokio"), &[]).unwrap(), None, "{new}");
            let (old, versions) = remove(&new).unwrap();
            assert_eq!(old.trim_end(), text.trim_end());
            assert_eq!(versions, ["1.54.1"]);
        }
        assert!(remove("[patch.crates-io]\ntokio = { path = \"x\" }\n").is_none());
    }

    #[test]
    fn lines_that_got_other_ends_since_are_taken_away_too() {
        let text = "[package]\r\nname = \"a\"\r\n";
        let (left, versions) = remove(&patched(text).replace("\r\n", "\n").replace('\n', "\r\n")).unwrap();
        assert_eq!((&*left, &*versions), (text, &["1.54.1".to_owned()][..]));
        assert_eq!(remove(&patched(text)).unwrap().0, text, "and those that did not");
    }

    #[test]
    fn what_others_put_into_our_table_stays() {
        let (left, _) = remove(&(patched("[package]\n") + "libc = { path = \"x\" }\n")).unwrap();
        assert!(left.contains("[patch.crates-io]") && left.contains("libc") && !left.contains("tokio"), "{left}");
    }

    #[test]
    fn patches_of_others_are_left_alone() {
        for text in [
            "[patch.crates-io]\ntokio = { git = \"x\" }\n",
            "[patch.crates-io]\ntokio.path = \"x\"\n",
            "[patch.crates-io.tokio]\npath = \"x\"\n",
            "[patch]\ncrates-io = { tokio = { path = \"x\" } }\n",
        ] {
            assert!(add(text, Path::new("/a"), &[]).is_err(), "{text}");
        }
    }
}
