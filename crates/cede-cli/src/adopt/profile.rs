//! What keeps debug builds as cheap as with the published tokio.
//!
//! Cargo keeps incremental state for what a path names, and so for cede, but for nothing from a registry or a repository. It costs a tenth to a fifth of a first debug build, and helps
//! those only who change cede. The profile can say `incremental = false` for packages by name, or for `"*"`: all that are not members of the workspace. Names would be a list
//! of cede's crates that changes with the features of the project, and Cargo warns about each that it does not build. With `"*"` there is nothing to warn about, and for all
//! other packages nothing changes, unless they come by a path from outside the workspace, too. Somebody may be at work on those: then nothing is written.

use super::entry::Entry;

const ALL: Entry = Entry { header: "[profile.dev.package.\"*\"]", table: &["profile", "dev", "package", "*"], key: "incremental" };
/// By which nothing is incremental.
const DEV: Entry = Entry { header: "[profile.dev]", table: &["profile", "dev"], key: "incremental" };

/// What becomes of cede in debug builds.
#[derive(Debug, PartialEq)]
pub(super) enum Profile {
    /// What the manifest says, by us or by somebody else.
    Said,
    /// Nobody says it: the manifest that does.
    Silent(String),
    /// It cannot be said, and why.
    Closed(String),
}

impl Profile {
    /// Reads a manifest. `strangers` are packages that are neither cede's nor of the workspace, and come by a path.
    ///
    /// # Errors
    /// If it is not TOML.
    pub(super) fn of(manifest: &str, strangers: &[String]) -> Result<Self, String> {
        if ALL.value(manifest)?.is_some() || DEV.value(manifest)?.is_some_and(|value| value.as_bool() == Some(false)) {
            return Ok(Self::Said);
        }
        if !strangers.is_empty() {
            let (header, strangers) = (ALL.header, strangers.join(", "));
            return Ok(Self::Closed(format!("`incremental = false` in {header} would spare that, but is also for {strangers}")));
        }
        Ok(ALL.add(manifest, "false", "").map_or_else(Self::Closed, Self::Silent))
    }
}

/// The manifest without our line.
pub(super) fn remove(manifest: &str) -> String {
    ALL.take(manifest).unwrap_or_else(|| manifest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Profile, remove};

    #[test]
    fn what_was_added_is_taken_away_again() {
        for text in [
            "[package]\nname = \"a\"\n",
            "[profile.dev]\nincremental = true\n",
            "[profile.dev.package.tokio] # why\nopt-level = 3\n",
            "[profile.dev.package.\"*\"]\nopt-level = 3 # why\n\n[profile.release]\nincremental = false\n",
            "[profile.dev.package]\ntokio.opt-level = 3\n",
        ] {
            let Profile::Silent(new) = Profile::of(text, &[]).unwrap() else { panic!("{text}") };
            assert_eq!(Profile::of(&new, &[]).unwrap(), Profile::Said, "{new}");
            assert_eq!(remove(&new), text);
        }
    }

    #[test]
    fn what_somebody_says_is_left_alone() {
        for text in [
            "[profile.dev]\nincremental = false\n",
            "[profile.dev.package.\"*\"]\nincremental = true\n",
            "[profile.dev.package]\n\"*\" = { incremental = false }\n",
        ] {
            assert_eq!(Profile::of(text, &[]).unwrap(), Profile::Said, "{text}");
            assert_eq!(remove(text), text);
        }
        let closed = Profile::of("[profile.dev.package]\n\"*\" = { opt-level = 3 }\n", &[]).unwrap();
        assert!(matches!(&closed, Profile::Closed(why) if why.contains("by hand")), "{closed:?}");
        let closed = Profile::of("", &["theirs".to_owned()]).unwrap();
        assert!(matches!(&closed, Profile::Closed(why) if why.ends_with("also for theirs")), "{closed:?}");
    }
}
