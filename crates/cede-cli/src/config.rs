//! Wishes that are not on the command line: the configuration file and the environment.
//!
//! A key of the file is a long flag without its dashes, and a variable is `CEDE_` and the flag. Both only change what a flag is when it is not given, so that
//! the order of precedence is that of clap's own: command line, environment, file, default. Nothing else of the program knows about either.
//!
//! - F1: each value is tried as if it had been given on a command line, before any command runs, so that a mistake names file, line and key.
//! - F2: a program without file and variables is parsed once, and pays for one look for the file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use cede_transfer::printable;
use clap::{Arg, ArgAction, ArgMatches, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

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
    origin: String,
}

/// The matches of a command line, with the file and the environment behind it.
///
/// # Errors
/// What is wrong with the file or a variable. What is wrong with the command line ends the program, as clap has it.
pub(crate) fn matches(command: Command, line: &[OsString], environment: &dyn Fn(&str) -> Option<String>) -> Result<ArgMatches, String> {
    let given = command.clone().get_matches_from(line);
    let Some((name, _)) = given.subcommand() else { return Ok(given) };
    let file = match file(&given, environment) {
        Some((path, needed)) => match std::fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !needed => None,
            Err(error) => return Err(format!("{}: {error}", printable(&path.to_string_lossy()))),
        },
        None => None,
    };
    match with_defaults(command, name, file.as_ref().map(|(path, text)| (path.as_path(), text.as_str())), environment)? {
        Some(command) => Ok(command.get_matches_from(line)),
        None => Ok(given),
    }
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

/// The command with other defaults for the subcommand `name`; `None` if they are the same.
fn with_defaults(
    mut command: Command,
    name: &str,
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
        let flag_name = flag.replace('-', "_").to_uppercase();
        let for_all = TRANSFERS.contains(&name).then(|| format!("CEDE_{flag_name}"));
        let variables = std::iter::once(format!("CEDE_{}_{flag_name}", name.to_uppercase())).chain(for_all);
        // What clap reads itself is left to it.
        let is_own = |variable: &String| arg.get_env().is_some_and(|own| own == variable.as_str());
        let found = variables.into_iter().find_map(|variable| Some((environment(&variable)?, variable)));
        if let Some((value, variable)) = found.filter(|(_, variable)| !is_own(variable)) {
            let setting = Setting { values: vec![value], origin: variable };
            try_it(arg, &setting)?;
            settings.retain(|(known, _)| known != flag);
            settings.push((flag.to_owned(), setting));
        }
    }
    if settings.is_empty() {
        return Ok(None);
    }
    let change = |mut arg: Arg| {
        let Some(at) = settings.iter().position(|(flag, _)| arg.get_long() == Some(flag)) else { return arg };
        let Setting { values, origin } = &settings[at].1;
        // A variable for this command wins over clap's own, which is for all.
        if origin.starts_with("CEDE_") {
            arg = arg.env(None::<&str>);
        }
        arg.default_values(values.clone())
    };
    Ok(Some(command.mut_subcommand(name, |subcommand| subcommand.mut_args(change))))
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
                let setting = setting(&[subcommand], flag.get_ref(), value, &place)?;
                if key == name {
                    found.retain(|(known, _)| known != flag.get_ref());
                    found.push((flag.get_ref().to_string(), setting));
                }
            }
            continue;
        }
        let subcommands: Vec<&Command> = TRANSFERS.iter().filter_map(|name| command.find_subcommand(name)).collect();
        let setting = setting(&subcommands, key, value, &place())?;
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
fn setting(commands: &[&Command], key: &str, value: &Spanned<DeValue<'_>>, place: &str) -> Result<Setting, String> {
    let arg = commands.iter().find_map(|command| flag_of(command, key));
    let arg = arg.ok_or_else(|| format!("{place}: {key}: there is no flag --{key}{}", where_else(key)))?;
    let texts = match value.get_ref() {
        DeValue::Array(values) => values.iter().map(|value| text(value.get_ref())).collect::<Option<Vec<_>>>(),
        other => text(other).map(|text| vec![text]),
    };
    let values = texts.ok_or_else(|| format!("{place}: {key}: a value is a string, a number, true, false, or a list of such"))?;
    let setting = Setting { values, origin: format!("{place}: {key}") };
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
