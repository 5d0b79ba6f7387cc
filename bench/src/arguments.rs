//! The command line of all binaries: a word, then `--name value` pairs.

use std::str::FromStr;

/// What was typed.
#[derive(Clone, Debug)]
pub struct Arguments {
    /// The first word: the workload, or what to do.
    pub word: String,
    pairs: Vec<(String, String)>,
}

impl Arguments {
    /// Those of the process.
    #[must_use]
    pub fn of_process() -> Self {
        let mut words = std::env::args().skip(1);
        let word = words.next().unwrap_or_default();
        let mut pairs = Vec::new();
        while let Some(name) = words.next() {
            let value = words.next().unwrap_or_else(|| panic!("{name} wants a value"));
            pairs.push((name.trim_start_matches("--").to_owned(), value));
        }
        Self { word, pairs }
    }

    /// The value of `--name`, or `otherwise`.
    #[must_use]
    pub fn get<T: FromStr>(&self, name: &str, otherwise: T) -> T {
        let Some((_, value)) = self.pairs.iter().find(|(n, _)| n == name) else { return otherwise };
        value.parse().unwrap_or_else(|_| panic!("--{name} cannot be {value}"))
    }
}
