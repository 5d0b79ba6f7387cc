//! The flags of `sum`, `verify` and `repair`, and what they and `probe` have no use for.

use std::path::PathBuf;

use cede_transfer::sum::{Algorithm, Sum};
use cede_transfer::units;
use clap::{Arg, Args};

use super::{NetworkArgs, ShowArgs};

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// The files to check, or, with --list, the lists; '-' is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// The checksum that each has to have, as in sha256:HEX; without it, the sums are printed
    #[arg(long, value_name = "ALG:HEX", conflicts_with = "list")]
    pub(crate) sum: Option<Sum>,

    /// The files are lists as sha256sum prints them; check what they name
    #[arg(long)]
    pub(crate) list: bool,

    /// Check the pieces of the files against this manifest: a list of 'cede sum --pieces', or Metalink 4
    #[arg(short, long, value_name = "FILE", visible_aliases = ["metalink", "meta4"], conflicts_with_all = ["sum", "list"])]
    pub(crate) manifest: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct SumArgs {
    /// The files; '-' is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,

    /// How to make the checksums
    #[arg(short, long, default_value = "sha256", value_name = "ALGORITHM")]
    pub(crate) algorithm: Algorithm,

    /// Also write FILE.pieces with a checksum for each piece of this size, by which 'cede repair' finds and mends damage
    #[arg(long, value_name = "SIZE", num_args = 0..=1, default_missing_value = "1M", require_equals = true, value_parser = piece)]
    pub(crate) pieces: Option<u64>,

    /// Where the file will be; noted in FILE.pieces (may be repeated)
    #[arg(long, value_name = "URL", requires = "pieces")]
    pub(crate) url: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct RepairArgs {
    /// The file to mend, in place
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Where it can be had, the best first; else the manifest or the file's journal tells
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,

    /// What the file has to be: a list of 'cede sum --pieces', or Metalink 4; without it, FILE.pieces or FILE.meta4
    #[arg(short, long, value_name = "FILE", visible_aliases = ["metalink", "meta4"])]
    pub(crate) manifest: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) network: NetworkArgs,

    #[command(flatten)]
    pub(crate) show: ShowArgs,
}

/// Hides what is about small files that are waited for at the end: there are none.
pub(super) fn without_sync(arg: Arg) -> Arg {
    if arg.get_id() == "no_sync" { arg.hide(true) } else { arg }
}

fn piece(text: &str) -> Result<u64, String> {
    let size = units::parse_size(text)?;
    let most = cede_transfer::manifest::LARGEST;
    if (1024..=most).contains(&size) { Ok(size) } else { Err(format!("pieces have 1k to {}", units::bytes(most))) }
}

#[cfg(test)]
mod tests {
    //! What help offers.

    use clap::CommandFactory;

    use crate::cli::Cli;

    #[test]
    fn only_those_who_wait_for_the_disk_offer_not_to() {
        let mut command = Cli::command();
        for (name, offers) in [("get", true), ("resume", true), ("put", false), ("probe", false), ("repair", false)] {
            let help = command.find_subcommand_mut(name).unwrap().render_long_help().to_string();
            assert_eq!(help.contains("--no-sync"), offers, "{name}");
        }
    }
}
