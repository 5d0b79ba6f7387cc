//! `cede man` and `cede completions`: both are made from the command line's own description, so that they say what `--help` says.

use std::io;
use std::path::Path;

use cede_transfer::{Exit, printable};
use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use crate::cli::{Cli, CompletionsArgs, ManArgs};
use crate::out::print;
use crate::progress::lines::say;

/// Runs `cede man`.
pub(crate) fn man(args: &ManArgs) -> Exit {
    let pages = match pages() {
        Ok(pages) => pages,
        Err(error) => return failed("the pages could not be made", &error),
    };
    match &args.dir {
        Some(dir) => match write_all(dir, &pages) {
            Ok(()) => Exit::Done,
            Err(error) => failed(&printable(&dir.to_string_lossy()), &error),
        },
        None => {
            pages.iter().for_each(|(_, page)| print(page));
            Exit::Done
        }
    }
}

/// Runs `cede completions`.
pub(crate) fn completions(args: &CompletionsArgs) -> Exit {
    print(script(args.shell));
    Exit::Done
}

/// The names and contents of all pages: one for the program, and one for each command.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = Cli::command();
    command.build();
    let page = |command: Command, name: &str| {
        let mut text = Vec::new();
        Man::new(command.name(name.to_owned()).disable_help_subcommand(true)).title(name.to_uppercase()).render(&mut text)?;
        io::Result::Ok((format!("{name}.1"), text))
    };
    let mut pages = vec![page(command.clone(), "cede")?];
    for subcommand in command.get_subcommands().filter(|subcommand| subcommand.get_name() != "help") {
        pages.push(page(subcommand.clone(), &format!("cede-{}", subcommand.get_name()))?);
    }
    Ok(pages)
}

fn write_all(dir: &Path, pages: &[(String, Vec<u8>)]) -> io::Result<()> {
    std::fs::create_dir_all(dir)?;
    pages.iter().try_for_each(|(name, page)| std::fs::write(dir.join(name), page))
}

fn script(shell: Shell) -> Vec<u8> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cede", &mut text);
    text
}

fn failed(what: &str, error: &io::Error) -> Exit {
    say(&format!("error: {what}: {error}"));
    Exit::Files
}

#[cfg(test)]
mod tests {
    //! Everything is mentioned everywhere.

    use clap::{CommandFactory, ValueEnum};
    use clap_complete::Shell;

    use super::{pages, script};
    use crate::cli::Cli;

    fn commands() -> Vec<String> {
        Cli::command().get_subcommands().map(|command| command.get_name().to_owned()).collect()
    }

    #[test]
    fn there_is_a_page_for_each_command() {
        let pages = pages().unwrap();
        let text = |name: &str| {
            let page = pages.iter().find(|(known, _)| known == name).unwrap_or_else(|| panic!("no {name}"));
            String::from_utf8(page.1.clone()).unwrap().replace("\\-", "-")
        };
        let main = text("cede.1");
        for command in commands() {
            assert!(main.contains(&format!("cede-{command}")), "{command}");
            assert!(text(&format!("cede-{command}.1")).contains(".TH"), "{command}");
        }
        assert!(text("cede-get.1").contains("--limit-rate") && text("cede-serve.1").contains("--fault"));
        assert_eq!(pages.len(), commands().len() + 1);
    }

    #[test]
    fn each_shell_hears_of_each_command() {
        for shell in Shell::value_variants() {
            let script = String::from_utf8(script(*shell)).unwrap();
            for command in commands() {
                assert!(script.contains(&command), "{shell}: {command}");
            }
            assert!(script.contains("limit-rate"), "{shell}");
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
