//! The facade against the published tokio: the same programs, built once with each, run by turns. See `bench/README.md`.
//!
//! This program is the driver, and under another word the other side of each measurement: the load for a server ([`load`]), or the origin for a client ([`origin`]).
#![forbid(unsafe_code)]

mod contender;
mod cost;
mod load;
mod origin;
mod peer;
#[path = "../../src/statistics.rs"]
mod statistics;
mod table;

use std::process::exit;

const USAGE: &str = "usage: facade table [ROUNDS [PART-OF-A-ROW'S-NAME]] | facade cost [ROUNDS [PART-OF-A-ROW'S-NAME]]";

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["table"] => table::print(7, ""),
        ["table", rounds] => table::print(number(rounds), ""),
        ["table", rounds, part] => table::print(number(rounds), part),
        ["cost"] => cost::print(3, ""),
        ["cost", rounds] => cost::print(number(rounds), ""),
        ["cost", rounds, part] => cost::print(number(rounds), part),
        ["load", port, connections] => load::run(number(port), number(connections)),
        ["origin"] => origin::run(),
        _ => {
            eprintln!("{USAGE}");
            exit(2);
        }
    }
}

fn number<T: std::str::FromStr>(word: &str) -> T {
    word.parse().unwrap_or_else(|_| panic!("{word} is not a number that fits"))
}
