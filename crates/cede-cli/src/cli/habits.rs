//! What to write instead of the flags that fingers know from curl, wget and aria2, where they are not the same here.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// Flags of other programs for downloads, and what is said about them.
const HABITS: &[(&[&str], &str)] = &[
    (&["-L", "--location"], "redirects are followed anyway; leave it out"),
    (&["-C", "--continue-at"], "what was broken off is gone on with anyway; leave it out"),
    (&["-Z", "--parallel"], "files are fetched side by side anyway; --jobs N says how many at a time"),
    (&["-S", "--show-error"], "errors are shown anyway; leave it out"),
    (&["-k"], "certificates are always checked, --cacert FILE trusts one of your own; aria2's -k is --min-split SIZE"),
    (&["--insecure", "--no-check-certificate"], "certificates are always checked; --cacert FILE trusts one of your own"),
    (&["-I", "--head", "--spider", "--server-response"], "'cede probe URL' tells what the server says about a file"),
    (&["-X", "--request", "--data", "--data-binary", "--post-data", "--post-file"], "only GET is sent; 'cede put FILE… URL' uploads"),
    (&["-T", "--upload-file", "-F", "--form"], "'cede put' uploads: files, and forms with --form"),
    (&["-r", "--range"], "neither parts of files (curl) nor whole sites (wget) are fetched; --input FILE takes a list of URLs"),
    (&["--recursive", "-p", "--page-requisites", "--no-parent"], "whole sites are not fetched; --input FILE takes a list of URLs"),
    (&["-P", "--directory-prefix"], "--dir DIR puts the files into a directory"),
    (&["-N", "--timestamping", "-n", "--no-clobber"], "--if-exists says what to do about a file that exists"),
    (&["-v", "--verbose"], "--json tells everything that happens, as it happens"),
    (&["-e", "--referer"], "-H 'Referer: URL' sends one"),
    (&["--compressed"], "files come as they are at the server; leave it out"),
    (&["-4", "-6", "--ipv4", "--ipv6"], "the address that answers first is taken, of either kind"),
    (&["--max-concurrent-downloads"], "--jobs N says how many files at a time"),
    (&["--max-overall-download-limit", "--max-download-limit"], "--limit-rate RATE limits everything together"),
];

/// The same for uploads.
const OF_UPLOADS: &[(&[&str], &str)] = &[
    (&["-T", "--upload-file"], "write: cede put FILE… URL"),
    (&["-d", "--data", "--data-binary", "--data-raw"], "--method POST sends a file as it is, '-' standard input, and --form a form"),
    (&["-X", "--request"], "--method POST or --method PUT says how"),
    (&["-L", "--location"], "redirects are followed anyway, where that sends nothing twice; leave it out"),
    (&["-C", "--continue-at"], "-c, or --tus, goes on with what was broken off; s3:// always does"),
    (&["-S", "--show-error"], "errors are shown anyway; leave it out"),
    (&["-k", "--insecure"], "certificates are always checked; --cacert FILE trusts one of your own"),
    (&["-v", "--verbose"], "--json tells everything that happens, as it happens"),
    (&["-r", "--recursive"], "directories are not walked through; give the files"),
];

/// What to say instead of clap's words, if a flag of `cede get` is one of another program.
pub(crate) fn explained(mistake: &clap::Error, subcommand: &str, line: &[OsString]) -> Option<String> {
    let Some(ContextValue::String(flag)) = mistake.get(ContextKind::InvalidArg) else { return None };
    // The flags that curl is used with most, all in one.
    if mistake.kind() == ErrorKind::ValueValidation
        && flag.starts_with("--segments")
        && let Some(ContextValue::String(value)) = mistake.get(ContextKind::InvalidValue)
        && value.starts_with(|c: char| c.is_ascii_alphabetic())
        && let Some(given) = short(line, value)
    {
        return Some(format!("{given}: -s is --segments N here; curl's -s is --quiet, and what its -f, -S and -L are for is done anyway"));
    }
    let habits = match subcommand {
        "get" => HABITS,
        "put" => OF_UPLOADS,
        _ => return None,
    };
    if mistake.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let (_, text) = habits.iter().find(|(flags, _)| flags.contains(&flag.as_str()))?;
    Some(format!("there is no {flag}: {text}"))
}

/// How a value is given to `-s`, if it is: together with it, perhaps after other letters, or as the next argument.
fn short(line: &[OsString], value: &str) -> Option<String> {
    let letters = |arg: &OsString| Some(arg.to_str()?.strip_prefix('-')?.to_owned()).filter(|letters| !letters.starts_with('-'));
    let joined = format!("s{value}");
    if line.iter().filter_map(letters).any(|letters| letters.ends_with(&joined)) {
        return Some(format!("-{joined}"));
    }
    let is_apart = |pair: &[OsString]| pair[1] == value && letters(&pair[0]).is_some_and(|letters| letters.ends_with('s'));
    line.windows(2).any(is_apart).then(|| format!("-s {value}"))
}

#[cfg(test)]
mod tests {
    //! The table is about flags that are not there.

    use clap::CommandFactory;

    use super::{HABITS, OF_UPLOADS, explained};
    use crate::cli::Cli;

    fn told(line: &[&str]) -> Option<String> {
        let mistake = Cli::command().try_get_matches_from(line).expect_err("a mistake");
        let raw: Vec<_> = line.iter().map(Into::into).collect();
        explained(&mistake, line[1], &raw)
    }

    #[test]
    fn each_habit_is_explained_and_none_is_a_flag_of_ours() {
        for (command, habits) in [("get", HABITS), ("put", OF_UPLOADS)] {
            for flag in habits.iter().flat_map(|(flags, _)| *flags) {
                let told = told(&["cede", command, flag, "http://h/"]).unwrap_or_else(|| panic!("{flag} is not explained"));
                assert!(told.starts_with(&format!("there is no {flag}: ")), "{told}");
            }
        }
        assert!(told(&["cede", "get", "-fsSL", "http://h/"]).unwrap().starts_with("-sSL: -s is --segments N here"));
        assert!(told(&["cede", "get", "-fs", "http://h/"]).unwrap().starts_with("-s http://h/: -s is --segments N here"));
    }

    #[test]
    fn other_mistakes_are_claps() {
        for line in [
            &["cede", "get", "--nonsense"][..],
            &["cede", "get", "-j", "0", "http://h/"],
            &["cede", "get"],
            &["cede", "get", "--segments", "abc", "http://h/"],
            &["cede", "get", "--segments=abc", "http://h/"],
        ] {
            assert_eq!(told(line), None, "{line:?}");
        }
    }
}
