//! What a lock file says about packages, as far as it matters here. It is read line by line, so that one that was cut short is read as far as it goes.

/// A package that is locked.
#[derive(PartialEq)]
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    /// A registry or a repository; nothing for what a path names.
    source: Option<&'a str>,
}

/// Where tokio comes from.
#[derive(Clone, Copy, PartialEq)]
enum Tokio {
    Nowhere,
    Published,
    Patched,
}

/// The published tokios.
pub(super) fn published(lock: &str) -> Vec<String> {
    packages(lock).filter(|package| package.name == "tokio" && package.source.is_some()).map(|package| package.version.to_owned()).collect()
}

/// Whether all that a lock file says, or the beginning of one, looks like what Cargo makes of `before` when tokio is patched or not any more. It may be somebody's choice all the same, so
/// whoever puts `before` back keeps it.
pub(super) fn is_made_of(before: Option<&str>, now: &str) -> bool {
    let was: Vec<Package> = packages(before.unwrap_or("")).collect();
    let is_moved = match (tokio(before.unwrap_or("")), tokio(now)) {
        // Whoever locks it where nothing was locked does not need us.
        (Tokio::Nowhere, now) => now == Tokio::Patched,
        (before, now) => before != now,
    };
    let is_no_choice = |package: &Package| was.contains(package) || was.iter().all(|old| old.name != package.name);
    (is_moved || is_cut_short(now))
        && packages(now).filter(|package| package.name != "tokio" && package.source.is_some()).all(|package| is_no_choice(&package))
}

fn tokio(lock: &str) -> Tokio {
    let sources: Vec<_> = packages(lock).filter(|package| package.name == "tokio").map(|package| package.source).collect();
    match sources.as_slice() {
        [] => Tokio::Nowhere,
        sources if sources.contains(&None) => Tokio::Patched,
        _ => Tokio::Published,
    }
}

/// Whether it may be a part of a lock file only. Cargo writes it in one call, but a kill or the end of the power can cut that.
fn is_cut_short(lock: &str) -> bool {
    lock.parse::<toml::Table>().map_or(true, |table| !table.contains_key("version"))
}

fn packages(lock: &str) -> impl Iterator<Item = Package<'_>> {
    lock.split("[[package]]").skip(1).filter_map(|package| {
        let field = |name: &str| package.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = \"")?.strip_suffix('"'));
        Some(Package { name: field("name")?, version: field("version")?, source: field("source") })
    })
}

#[cfg(test)]
mod tests {
    use super::{is_made_of, published};

    /// A lock file with these packages, of which those without a `!` are published.
    fn lock(packages: &str) -> String {
        let package = |package: &str| {
            let (name, version) = package.rsplit_once('-').unwrap();
            let source = if version.ends_with('!') { "" } else { "source = \"registry+x\"\nchecksum = \"0\"\n" };
            format!(
                "\n[[package]]\nname = \"{name}\"\nversion = \"{}\"\n{source}dependencies = [\n \"x\",\n]\n",
                version.trim_end_matches('!')
            )
        };
        format!("# Made.\nversion = 4\n{}", packages.split(' ').map(package).collect::<String>())
    }

    const BEFORE: &str = "libc-0.2 mio-1.0 program-0.1! tokio-1.54.1";

    #[test]
    fn published_tokios_are_found() {
        assert_eq!(published(&lock("tokio-0.2.1 tokio-1.54.1 tokio-1.999.0! tokio-util-0.7.0")), ["0.2.1", "1.54.1"]);
    }

    #[test]
    fn what_only_the_patch_has_changed_is_made_of_what_was_before() {
        let before = lock(BEFORE);
        for after in ["cede-0.1! libc-0.2 program-0.1! tokio-1.999.0!", "libc-0.2 socket2-0.6 program-0.1! tokio-1.999.0!"] {
            assert!(is_made_of(Some(&before), &lock(after)), "{after}");
            assert!(is_made_of(None, &lock(after)), "{after}");
        }
        assert!(is_made_of(Some(&lock("cede-0.1! libc-0.2 tokio-1.999.0!")), &lock("libc-0.2 mio-1.1 tokio-1.55.0")), "the other way");
    }

    #[test]
    fn what_was_cut_short_is_made_of_what_was_before() {
        let (before, after) = (lock(BEFORE), lock("cede-0.1! libc-0.2 program-0.1! tokio-1.999.0!"));
        for length in 0..=after.len() {
            assert!(is_made_of(Some(&before), &after[..length]), "{}", &after[..length]);
        }
    }

    #[test]
    fn what_somebody_has_chosen_is_not() {
        let before = lock(BEFORE);
        for theirs in [BEFORE, "libc-0.3 mio-1.0 program-0.1! tokio-1.54.1", "cede-0.1! libc-0.3 program-0.1! tokio-1.999.0!"] {
            assert!(!is_made_of(Some(&before), &lock(theirs)), "{theirs}");
        }
        assert!(!is_made_of(None, &lock(BEFORE)));
        let conflict =
            format!("<<<<<<< ours\n{}=======\n{}>>>>>>> theirs\n", lock(BEFORE), lock("libc-0.3 mio-1.0 program-0.1! tokio-1.54.1"));
        assert!(!is_made_of(Some(&before), &conflict), "{conflict}");
    }
}
