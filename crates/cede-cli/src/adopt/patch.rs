//! The patch in the text of a manifest, by which tokio is cede's.

use std::path::Path;

use super::entry::Entry;

const TOKIO: Entry = Entry { header: "[patch.crates-io]", table: &["patch", "crates-io"], key: "tokio" };
/// In the notes of its line: the versions that were locked before, and which lock file was made where none was.
const WAS: &str = ", was ";
const MADE: &str = ", made Cargo.lock ";

/// The manifest with the patch; `None` if it is there already. `versions` are those that are to come back when it is undone.
///
/// # Errors
/// If tokio is patched by somebody else, or patches are written in a form that lines cannot be added to.
pub(super) fn add(manifest: &str, facade: &Path, versions: &[String]) -> Result<Option<String>, String> {
    // Rust's quoting of a path is TOML's.
    let value = format!("{{ path = {:?} }}", facade.display().to_string());
    if TOKIO.line(manifest).is_some() {
        // Where cede was then.
        let changed = TOKIO.change(manifest, &value);
        return Ok((changed != manifest).then_some(changed));
    }
    if TOKIO.value(manifest)?.is_some() {
        return Err("the manifest patches tokio already".to_owned());
    }
    let was = if versions.is_empty() { String::new() } else { format!("{WAS}{}", versions.join(" ")) };
    // Who does it by hand has to say that, too: Cargo keeps what is locked.
    TOKIO.add(manifest, &value, &was).map(Some).map_err(|error| format!("{error}, and run `cargo update -p tokio`"))
}

/// The patched manifest, with a note that there was no lock file before, and which was made.
pub(super) fn note_lock(patched: &str, sum: &str) -> String {
    let note = format!("{MADE}{sum}");
    match TOKIO.line(patched).and_then(|ours| Some(&ours[ours.find(MADE)?..])) {
        Some(earlier) => patched.replace(earlier, &note),
        None => TOKIO.note(patched, &note),
    }
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
pub(super) fn remove(manifest: &str) -> Option<Removed> {
    let ours = TOKIO.line(manifest)?;
    let (ours, made_lock) = ours.split_once(MADE).map_or((ours, None), |(before, sum)| (before, Some(sum.trim().to_owned())));
    let versions = ours.split_once(WAS).map(|(_, versions)| versions.split_whitespace().map(str::to_owned).collect()).unwrap_or_default();
    Some(Removed { text: TOKIO.take(manifest)?, versions, made_lock })
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
            "[patch.crates-io.libc]\npath = \"x\"\n",
            "",
        ] {
            let new = patched(text);
            assert_eq!(new.matches("tokio = { path = \"/a/tokio\" }").count(), 1, "{new}");
            assert_eq!(add(&new, Path::new("/a/tokio"), &[]).unwrap(), None, "{new}");
            let moved = add(&new, Path::new("/b/tokio"), &[]).unwrap().unwrap();
            assert_eq!(moved, new.replace("/a/tokio", "/b/tokio"));
            let old = remove(&new).unwrap();
            assert_eq!((&*old.text, old.made_lock), (text, None));
            assert_eq!(old.versions, ["1.54.1"]);
            let old = remove(&note_lock(&note_lock(&new, "a17e"), "c0ffee")).unwrap();
            assert_eq!((&*old.text, old.versions, old.made_lock.as_deref()), (text, vec!["1.54.1".to_owned()], Some("c0ffee")));
        }
        assert!(remove("[patch.crates-io]\ntokio = { path = \"x\" }\n").is_none());
    }

    #[test]
    fn lines_that_got_other_ends_since_are_taken_away_too() {
        let [unix, dos] = ["[package]\nname = \"a\"\n", "[package]\r\nname = \"a\"\r\n"];
        for (text, left) in
            [(note_lock(&patched(unix), "1").replace('\n', "\r\n"), dos), (note_lock(&patched(dos), "1").replace('\r', ""), unix)]
        {
            let removed = remove(&text).unwrap();
            assert_eq!((&*removed.text, &*removed.versions, removed.made_lock.as_deref()), (left, &["1.54.1".to_owned()][..], Some("1")));
        }
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
            "[patch]\ncrates-io = { libc = { path = \"x\" } }\n",
            "patch.crates-io.libc.path = \"x\"\n",
        ] {
            let refused = add(text, Path::new("/a"), &[]).unwrap_err();
            assert_eq!(refused.contains("by hand"), refused.ends_with("`cargo update -p tokio`"), "{refused}");
        }
    }
}
