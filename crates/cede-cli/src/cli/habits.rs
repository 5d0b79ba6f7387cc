//! What to write instead of the flags that fingers know from curl, wget and aria2, where they are not the same here.

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

/// What to say instead of clap's words, if a flag of `cede get` is one of another program.
pub(crate) fn explained(mistake: &clap::Error, subcommand: &str) -> Option<String> {
    let Some(ContextValue::String(flag)) = mistake.get(ContextKind::InvalidArg) else { return None };
    if mistake.kind() != ErrorKind::UnknownArgument || subcommand != "get" {
        return None;
    }
    let (_, text) = HABITS.iter().find(|(flags, _)| flags.contains(&flag.as_str()))?;
    Some(format!("there is no {flag}: {text}"))
}

#[cfg(test)]
mod tests {
    //! The table is about flags that are not there.

    use clap::CommandFactory;

    use super::{HABITS, explained};
    use crate::cli::Cli;

    #[test]
    fn each_habit_is_explained_and_none_is_a_flag_of_ours() {
        for flag in HABITS.iter().flat_map(|(flags, _)| *flags) {
            let mistake = Cli::command().try_get_matches_from(["cede", "get", flag, "http://h/"]);
            let mistake = mistake.err().unwrap_or_else(|| panic!("{flag} is there"));
            let told = explained(&mistake, "get").unwrap_or_else(|| panic!("{flag}: {mistake}"));
            assert!(told.starts_with(&format!("there is no {flag}: ")), "{told}");
        }
    }

    #[test]
    fn other_mistakes_are_claps() {
        for line in [&["cede", "get", "--nonsense"][..], &["cede", "get", "-j", "0", "http://h/"], &["cede", "get"]] {
            assert_eq!(explained(&Cli::command().try_get_matches_from(line).unwrap_err(), "get"), None, "{line:?}");
        }
    }
}
