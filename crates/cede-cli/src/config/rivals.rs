//! Which settings are left, when some exclude each other or what is on the command line.
//!
//! Most of it says the command line itself (clap's `conflicts_with`). What is more is in [`beats`]: flags that may be given together, because one of them
//! then means nothing, which is not what somebody wants who gives the other one.

use std::cmp::Reverse;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{NEVER, Setting};
use crate::device::is_stdout;

/// A flag that says something, and what.
struct Said<'a> {
    arg: &'a Arg,
    flag: &'a str,
    values: Vec<OsString>,
}

impl<'a> Said<'a> {
    /// `None` for a setting that turns something off that is off.
    fn of(command: &'a Command, (flag, setting): &'a (String, Setting)) -> Option<Self> {
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(flag))?;
        let is_off = matches!(arg.get_action(), ArgAction::SetTrue) && setting.values != ["true"];
        (!is_off).then(|| Self { arg, flag, values: setting.values.iter().map(OsString::from).collect() })
    }

    fn given(arg: &'a Arg, given: &ArgMatches) -> Option<Self> {
        let flag = arg.get_long().filter(|flag| !NEVER.contains(flag))?;
        let id = arg.get_id().as_str();
        let is_given = given.value_source(id) == Some(ValueSource::CommandLine);
        is_given.then(|| Self { arg, flag, values: given.get_raw(id).into_iter().flatten().map(OsStr::to_owned).collect() })
    }

    fn is_standard_output(&self) -> bool {
        self.flag == "output" && matches!(self.values.as_slice(), [value] if is_stdout(Path::new(value)))
    }
}

/// The settings that count beside what is given.
///
/// # Errors
/// Which two from the same place exclude each other.
pub(super) fn settle(
    command: &Command,
    given: &ArgMatches,
    mut settings: Vec<(String, Setting)>,
) -> Result<Vec<(String, Setting)>, String> {
    let given: Vec<Said<'_>> = command.get_arguments().filter_map(|arg| Said::given(arg, given)).collect();
    settings.sort_by_key(|(_, setting)| Reverse(setting.origin.rank()));
    let mut kept: Vec<(String, Setting)> = Vec::new();
    for setting in settings {
        let Some(said) = Said::of(command, &setting) else {
            kept.push(setting);
            continue;
        };
        if given.iter().any(|given| given.flag == said.flag || excludes(command, given, &said)) {
            continue;
        }
        let rank = setting.1.origin.rank();
        let (higher, same): (Vec<_>, Vec<_>) = kept.iter().partition(|(_, other)| other.origin.rank() > rank);
        if higher.into_iter().filter_map(|other| Said::of(command, other)).any(|higher| excludes(command, &higher, &said)) {
            continue;
        }
        let same = same.into_iter().find(|other| Said::of(command, other).is_some_and(|same| conflict(command, &same, &said)));
        if let Some((_, other)) = same {
            return Err(format!("{}: it excludes what is said by {}", setting.1.origin, other.origin));
        }
        kept.push(setting);
    }
    Ok(kept)
}

/// Whether the one that counts more leaves no place for the other.
fn excludes(command: &Command, more: &Said<'_>, less: &Said<'_>) -> bool {
    conflict(command, more, less) || beats(more, less)
}

/// Whether both on one command line were a mistake.
fn conflict(command: &Command, one: &Said<'_>, other: &Said<'_>) -> bool {
    let has =
        |one: &Said<'_>, other: &Said<'_>| command.get_arg_conflicts_with(one.arg).iter().any(|rival| rival.get_id() == other.arg.get_id());
    has(one, other) || has(other, one)
}

/// What may be given together, but not be set behind the other one's back.
fn beats(more: &Said<'_>, less: &Said<'_>) -> bool {
    match (more.flag, less.flag) {
        ("netrc", "no-netrc") | ("no-netrc", "netrc") | ("cookie", "no-cookies") | ("no-cookies", "cookie") | ("continue", "restart") => {
            true
        }
        ("output", "tui" | "json") => more.is_standard_output(),
        ("tui" | "json", "output") => less.is_standard_output(),
        _ => false,
    }
}
