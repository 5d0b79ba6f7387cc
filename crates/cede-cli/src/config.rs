//! Wishes that are not on the command line: the configuration file and the environment.
//!
//! A key of the file is a long flag without its dashes, and a variable is `CEDE_` and the flag. Both only change what a flag is when it is not given, so that
//! the order of precedence is that of clap's own: command line, environment, file, default. Nothing else of the program knows about either.
//!
//! clap holds no default against a flag that is given, so a setting could beat the command line by way of another flag: `sum = "auto"` a `--sha256`. What
//! excludes what is decided in [`rivals`], and the command is parsed twice: once to see what is given, and once with the settings that this leaves.
//!
//! - F1: each value is tried as if it had been given on a command line, before any command runs, so that a mistake names file, line and key.
//! - F2: a program without file and variables is parsed once, and pays for one look for the file.
//! - F3: of two flags that exclude each other, the one from the higher place counts; two from the same place are a mistake, as they are on the command line.

mod rivals;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use cede_transfer::printable;
use clap::builder::Resettable;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::cli::habits;

/// Under `--help`.
pub(crate) const HELP: &str = "\
Each flag can also be set in the configuration file and by a variable: --limit-rate by 'limit-rate = \"2M\"' there, and by
CEDE_LIMIT_RATE or CEDE_GET_LIMIT_RATE. The command line wins over variables, they over the file. See docs/transfer-config.md";

/// Who reads keys outside of tables, and variables that name no command.
const TRANSFERS: [&str; 5] = ["get", "put", "resume", "probe", "repair"];
/// Flags that make no sense beforehand.
const NEVER: [&str; 4] = ["help", "version", "config", "no-config"];

/// A value, and where it is from.
struct Setting {
    values: Vec<String>,
    origin: Origin,
}

/// Where a value is from; `place` is a file, a line and a key.
enum Origin {
    /// What is for all commands that transfer.
    File { place: String },
    /// What is for one command.
    Table { place: String },
    /// A variable for all commands that transfer, or one that other programs heed, too.
    Variable { name: String },
    /// A variable for one command.
    OwnVariable { name: String },
}

impl Origin {
    /// The higher wins.
    fn rank(&self) -> u8 {
        match self {
            Self::File { .. } => 0,
            Self::Table { .. } => 1,
            Self::Variable { .. } => 2,
            Self::OwnVariable { .. } => 3,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { place: told } | Self::Table { place: told } => f.write_str(told),
            Self::Variable { name: told } | Self::OwnVariable { name: told } => f.write_str(told),
        }
    }
}

/// The matches of a command line, with the file and the environment behind it.
///
/// # Errors
/// What is wrong with the file or a variable. What is wrong with the command line ends the program, as clap has it.
pub(crate) fn matches(command: Command, line: &[OsString], environment: &dyn Fn(&str) -> Option<String>) -> Result<ArgMatches, String> {
    // As other programs have it, what is empty says nothing.
    let environment: &dyn Fn(&str) -> Option<String> = &|name| environment(name).filter(|value| !value.is_empty());
    let (given, is_whole) = match command.clone().try_get_matches_from(line) {
        Ok(given) => (given, true),
        // Perhaps only together with a variable, or without the file.
        Err(mistake) => match bare(command.clone()).try_get_matches_from(line) {
            Ok(given) => (given, false),
            Err(_) => match line.get(1).and_then(|name| habits::explained(&mistake, name.to_str()?, line)) {
                Some(told) => return Err(told),
                None => mistake.exit(),
            },
        },
    };
    let Some((name, given_to_it)) = given.subcommand() else { return Ok(given) };
    let file = match file(&given, environment) {
        Some((path, needed)) => match std::fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !needed => None,
            Err(error) => return Err(format!("{}: {error}", printable(&path.to_string_lossy()))),
        },
        None => None,
    };
    let file = file.as_ref().map(|(path, text)| (path.as_path(), text.as_str()));
    match with_defaults(command.clone(), name, given_to_it, file, environment)? {
        Some(command) => Ok(command.get_matches_from(line)),
        None if is_whole => Ok(given),
        None => Ok(command.get_matches_from(line)),
    }
}

/// The command as it is if nothing but the command line says anything, and settings may yet say what it lacks.
fn bare(command: Command) -> Command {
    command.mut_subcommands(|subcommand| subcommand.mut_args(|arg| without_need(arg.env(None::<&str>))))
}

/// Without a URL, a list of URLs is enough.
fn without_need(arg: Arg) -> Arg {
    if arg.get_id() == "urls" { arg.required_unless_present(Resettable::Reset) } else { arg }
}

/// The file to read, and whether it has to be there.
fn file(given: &ArgMatches, environment: &dyn Fn(&str) -> Option<String>) -> Option<(PathBuf, bool)> {
    if given.get_flag("no_config") {
        return None;
    }
    let named = given.get_one::<PathBuf>("config").cloned().or_else(|| environment("CEDE_CONFIG").map(PathBuf::from));
    if let Some(path) = named {
        return Some((path, true));
    }
    let home = || environment("HOME").filter(|home| !home.is_empty()).map(|home| PathBuf::from(home).join(".config"));
    let base = environment("XDG_CONFIG_HOME").map(PathBuf::from).filter(|path| path.is_absolute()).or_else(home)?;
    Some((base.join("cede/config.toml"), false))
}

/// The command with other defaults for the subcommand `name`, to which `given` is given; `None` if they are the same.
fn with_defaults(
    mut command: Command,
    name: &str,
    given: &ArgMatches,
    file: Option<(&Path, &str)>,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<Command>, String> {
    // Before arguments are looked at, clap has to make those that it adds itself.
    command.build();
    let mut settings: Vec<(String, Setting)> = Vec::new();
    if let Some((path, text)) = file {
        settings = read(&command, name, path, text)?;
    }
    let Some(subcommand) = command.find_subcommand(name) else { return Ok(None) };
    for arg in subcommand.get_arguments() {
        let Some(flag) = arg.get_long().filter(|flag| !NEVER.contains(flag)) else { continue };
        if let Some(setting) = variable(arg, flag, name, environment)? {
            settings.retain(|(known, _)| known != flag);
            settings.push((flag.to_owned(), setting));
        }
    }
    // clap would put what it reads itself above what is given, too; here it has been read, unless it is no text.
    let is_read = |arg: &Arg| arg.get_env().and_then(|own| std::env::var(own).ok()).is_some();
    if settings.is_empty() && !subcommand.get_arguments().any(is_read) {
        return Ok(None);
    }
    let settings = rivals::settle(subcommand, given, settings)?;
    let has_list = settings.iter().any(|(flag, _)| name == "get" && ["input", "metalink"].contains(&flag.as_str()));
    let change = |mut arg: Arg| {
        if has_list {
            arg = without_need(arg);
        }
        let setting = settings.iter().find(|(flag, _)| arg.get_long() == Some(flag)).map(|(_, setting)| setting);
        let is_variable = setting.is_some_and(|setting| matches!(setting.origin, Origin::Variable { .. } | Origin::OwnVariable { .. }));
        if is_variable || is_read(&arg) {
            arg = arg.env(None::<&str>);
        }
        match setting {
            Some(setting) => arg.default_values(setting.values.clone()),
            None => arg,
        }
    };
    Ok(Some(command.mut_subcommand(name, |subcommand| subcommand.mut_args(change))))
}

/// What the environment says about a flag of the command `name`.
fn variable(arg: &Arg, flag: &str, name: &str, environment: &dyn Fn(&str) -> Option<String>) -> Result<Option<Setting>, String> {
    let (own, all) = names(name, flag);
    let others = arg.get_env().and_then(|own| own.to_str()).map(str::to_owned);
    let all = all.into_iter().chain(others).map(|name| Origin::Variable { name });
    for origin in std::iter::once(Origin::OwnVariable { name: own }).chain(all) {
        let Some(mut value) = environment(&origin.to_string()) else { continue };
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            value = match value.as_str() {
                "1" => "true".to_owned(),
                "0" => "false".to_owned(),
                _ => value,
            };
        }
        let setting = Setting { values: vec![value], origin };
        try_it(arg, &setting)?;
        return Ok(Some(setting));
    }
    Ok(None)
}

/// The variables for a flag: that for the command `name`, and that for all, if it is one of those that transfer.
fn names(name: &str, flag: &str) -> (String, Option<String>) {
    let flag = flag.replace('-', "_").to_uppercase();
    let all = TRANSFERS.contains(&name).then(|| format!("CEDE_{flag}"));
    (format!("CEDE_{}_{flag}", name.to_uppercase()), all)
}

/// What the file says for the subcommand `name`. The whole file is checked, whoever it is for.
fn read(command: &Command, name: &str, path: &Path, text: &str) -> Result<Vec<(String, Setting)>, String> {
    let shown = printable(&path.to_string_lossy());
    let line = |at: usize| text[..at.min(text.len())].matches('\n').count() + 1;
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        format!("{shown}, line {}: {}", line(at), error.message())
    })?;
    let mut found = Vec::new();
    for (key, value) in table.get_ref() {
        let place = || format!("{shown}, line {}", line(key.span().start));
        let key = key.get_ref().as_ref();
        if let DeValue::Table(inner) = value.get_ref() {
            let subcommand = command.find_subcommand(key).ok_or_else(|| format!("{}: {key}: there is no such command", place()))?;
            for (flag, value) in inner {
                let place = format!("{shown}, line {}", line(flag.span().start));
                let origin = |place| Origin::Table { place };
                let setting = setting(&[subcommand], flag.get_ref(), value, &place, origin)?;
                if key == name {
                    found.retain(|(known, _)| known != flag.get_ref());
                    found.push((flag.get_ref().to_string(), setting));
                }
            }
            continue;
        }
        let subcommands: Vec<&Command> = TRANSFERS.iter().filter_map(|name| command.find_subcommand(name)).collect();
        let setting = setting(&subcommands, key, value, &place(), |place| Origin::File { place })?;
        let is_ours =
            TRANSFERS.contains(&name) && command.find_subcommand(name).is_some_and(|subcommand| flag_of(subcommand, key).is_some());
        // A table says more than what is for all, wherever it stands.
        if is_ours && !found.iter().any(|(known, _)| known == key) {
            found.push((key.to_owned(), setting));
        }
    }
    Ok(found)
}

fn flag_of<'a>(command: &'a Command, flag: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|arg| arg.get_long() == Some(flag)).filter(|_| !NEVER.contains(&flag))
}

/// A key's value, if one of the commands has such a flag and would take it.
fn setting(
    commands: &[&Command],
    key: &str,
    value: &Spanned<DeValue<'_>>,
    place: &str,
    origin: fn(String) -> Origin,
) -> Result<Setting, String> {
    let arg = commands.iter().find_map(|command| flag_of(command, key));
    let arg = arg.ok_or_else(|| format!("{place}: {key}: there is no flag --{key}{}", where_else(key)))?;
    let texts = match value.get_ref() {
        DeValue::Array(values) => values.iter().map(|value| text(value.get_ref())).collect::<Option<Vec<_>>>(),
        other => text(other).map(|text| vec![text]),
    };
    let values = texts.ok_or_else(|| format!("{place}: {key}: a value is a string, a number, true, false, or a list of such"))?;
    let setting = Setting { values, origin: origin(format!("{place}: {key}")) };
    try_it(arg, &setting)?;
    Ok(setting)
}

fn where_else(key: &str) -> &'static str {
    if key.contains('_') { "; keys are written with '-', as the flags are" } else { "" }
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(is_so) => Some(is_so.to_string()),
        DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// F1: parses the value as if it had been given.
fn try_it(arg: &Arg, setting: &Setting) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("{}: {why}", setting.origin));
    let is_list = matches!(arg.get_action(), ArgAction::Append);
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return match setting.values.as_slice() {
            [value] if value == "true" || value == "false" => Ok(()),
            _ => wrong("it is either true or false"),
        };
    }
    if setting.values.len() != 1 && !is_list {
        return wrong("there can be only one value");
    }
    let alone = Arg::new("value").long("value").action(arg.get_action().clone()).value_parser(arg.get_value_parser().clone());
    let line = setting.values.iter().map(|value| format!("--value={value}"));
    match Command::new("cede").arg(alone).no_binary_name(true).try_get_matches_from(line) {
        Ok(_) => Ok(()),
        Err(error) => {
            // "error: invalid value 'x' for '--value <value>': why", and then advice.
            let told = error.to_string();
            let first = told.lines().next().unwrap_or_default();
            let why = first.split_once(">': ").or_else(|| first.split_once("error: ")).map_or(first, |(_, why)| why);
            let shown: Vec<String> = setting.values.iter().map(|value| printable(value)).collect();
            wrong(&format!(
                "{}: {}",
                shown.join(", "),
                if why.starts_with("invalid value") { "that is none of the values it can have" } else { why }
            ))
        }
    }
}

#[cfg(test)]
mod tests;
