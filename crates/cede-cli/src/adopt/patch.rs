//! The patch in the text of a manifest. Lines are added and taken away; the rest stays as it was written, comments and all.

use std::path::Path;

/// At the end of each line that is ours.
const MARK: &str = "# by `cede adopt`";
/// Behind it: the versions that were locked before, and which lock file was made where none was.
const WAS: &str = ", was ";
const MADE: &str = ", made Cargo.lock ";

/// The manifest with the patch; `None` if it is there already. `versions` are those that are to come back when it is undone.
///
/// # Errors
/// If tokio is patched by somebody else, or patches are written in a form that lines cannot be added to.
pub(super) fn add(text: &str, facade: &Path, versions: &[String]) -> Result<Option<String>, String> {
    if text.lines().any(is_entry) {
        return Ok(None);
    }
    let was = if versions.is_empty() { String::new() } else { format!("{WAS}{}", versions.join(" ")) };
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

/// The patched manifest, with a note that there was no lock file before, and which was made.
pub(super) fn note_lock(patched: &str, sum: &str) -> String {
    let note = |line: &str| match line.strip_suffix('\n') {
        Some(ours) if is_entry(line) => format!("{ours}{MADE}{sum}\n"),
        _ => line.to_owned(),
    };
    patched.split_inclusive('\n').map(note).collect()
}

/// A manifest that was given back.
pub(super) struct Removed {
    pub(super) text: String,
    /// The tokios that were locked before.
    pub(super) versions: Vec<String>,
    /// What tells the lock file that came with the patch, if there was none before.
    pub(super) made_lock: Option<String>,
}

/// The manifest without the patch; `None` if there is none of ours.
pub(super) fn remove(text: &str) -> Option<Removed> {
    let ours = text.lines().find(|line| is_entry(line))?;
    let (ours_before, made) = ours.split_once(MADE).map_or((ours, None), |(before, sum)| (before, Some(sum.trim().to_owned())));
    let versions = ours_before.split_once(WAS).map(|(_, versions)| versions.split(' ').map(str::to_owned).collect()).unwrap_or_default();
    // An editor may have given the lines other ends since.
    let end = if text.contains(&format!("{MARK}\r\n")) { "\r\n" } else { "\n" };
    let header = format!("[patch.crates-io] {MARK}{end}");
    let left: String = text.split_inclusive('\n').filter(|line| line.trim_end_matches(['\r', '\n']) != ours).collect();
    // If somebody has put more into the table, it stays.
    let is_empty = left
        .split_once(&header)
        .is_some_and(|(_, after)| after.lines().map(code).find(|line| !line.is_empty()).is_none_or(|line| line.starts_with('[')));
    let text = match left.split_once(&header) {
        Some((before, after)) if is_empty => format!("{}{after}", before.strip_suffix(end).unwrap_or(before)),
        _ => left,
    };
    Some(Removed { text, versions, made_lock: made })
}

/// Whether the line is the one that patches tokio.
fn is_entry(line: &str) -> bool {
    line.contains(MARK) && key(line) == "tokio"
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
    use super::{add, note_lock, remove};
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
            let old = remove(&new).unwrap();
            assert_eq!((old.text.trim_end(), old.made_lock), (text.trim_end(), None));
            assert_eq!(old.versions, ["1.54.1"]);
            let old = remove(&note_lock(&new, "c0ffee")).unwrap();
            assert_eq!(
                (old.text.trim_end(), old.versions, old.made_lock.as_deref()),
                (text.trim_end(), vec!["1.54.1".to_owned()], Some("c0ffee"))
            );
        }
        assert!(remove("[patch.crates-io]\ntokio = { path = \"x\" }\n").is_none());
    }

    #[test]
    fn lines_that_got_other_ends_since_are_taken_away_too() {
        let text = "[package]\r\nname = \"a\"\r\n";
        let left = remove(&note_lock(&patched(text), "1").replace("\r\n", "\n").replace('\n', "\r\n")).unwrap();
        assert_eq!((&*left.text, &*left.versions, left.made_lock.as_deref()), (text, &["1.54.1".to_owned()][..], Some("1")));
        assert_eq!(remove(&patched(text)).unwrap().text, text, "and those that did not");
    }

    #[test]
    fn what_others_put_into_our_table_stays() {
        let left = remove(&(patched("[package]\n") + "libc = { path = \"x\" }\n")).unwrap().text;
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
