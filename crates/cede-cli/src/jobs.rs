//! Lists of downloads, read line by line as they are needed: a list may have a million lines, or never end.
//!
//! A line is a URL, and after tabs mirrors (other URLs) or a name. Lines that begin with a blank belong to the URL above, as aria2 has it: `out=NAME`, `dir=DIR`,
//! `checksum=ALG=HEX`. aria2's options that say how hard to try (`split=` and the like) are passed over, because the command line says that for all; those that
//! change what the server is asked ([`ASKING`]) are refused, because without them something else would come. Lines that begin with `#`, and empty ones, are skipped. A wrong
//! line is told, and does not stop the others.

use std::io::BufRead;
use std::path::PathBuf;

use cede_transfer::engine::{Check, Job, Output};
use cede_transfer::{name, printable};

use crate::plan::{Defaults, parse};

/// The jobs of a list.
#[derive(Debug)]
pub(crate) struct List<R> {
    lines: R,
    number: u64,
    defaults: Defaults,
    /// The job that may still get options.
    open: Option<Job>,
    ended: bool,
}

impl<R: BufRead> List<R> {
    pub(crate) fn new(lines: R, defaults: Defaults) -> Self {
        Self { lines, number: 0, defaults, open: None, ended: false }
    }

    fn line(&mut self) -> Option<Result<String, String>> {
        let mut line = Vec::new();
        self.number += 1;
        match self.lines.read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) => Some(String::from_utf8(line).map_err(|_| format!("line {} of the list is not UTF-8", self.number))),
            Err(error) => {
                self.ended = true;
                Some(Err(format!("the list could not be read on: {error}")))
            }
        }
    }

    fn job(&self, line: &str) -> Result<Job, String> {
        let mut fields = line.trim_end().split('\t').map(str::trim).filter(|field| !field.is_empty());
        let mut job = Job {
            url: parse(fields.next().unwrap_or_default()).map_err(|why| self.place(&why))?,
            mirrors: Vec::new(),
            output: self.defaults.output.clone(),
            check: self.defaults.check.clone(),
        };
        for field in fields {
            match parse(field) {
                Ok(mirror) => job.mirrors.push(mirror),
                Err(_) => rename(&mut job, field).map_err(|why| self.place(&why))?,
            }
        }
        Ok(job)
    }

    fn place(&self, why: &str) -> String {
        format!("line {} of the list: {why}", self.number)
    }
}

/// aria2's options for one URL that change what is asked for, and what can be said here for all of them.
const ASKING: &[(&str, &str)] = &[
    ("header", "--header"),
    ("user-agent", "--user-agent"),
    ("referer", "--header 'Referer: …'"),
    ("http-user", "--user or a netrc file"),
    ("http-passwd", "--user or a netrc file"),
    ("load-cookies", "--cookie"),
    ("all-proxy", "--proxy"),
    ("http-proxy", "--proxy"),
    ("https-proxy", "--proxy"),
    ("parameterized-uri", "a line for each URL"),
    ("select-file", "a Metalink with these files only"),
];

/// Applies one option.
fn option(job: &mut Job, text: &str) -> Result<(), String> {
    let text = text.trim();
    let Some((key, value)) = text.split_once('=') else {
        return Err(format!("{} is not an option; options are written NAME=VALUE", printable(text)));
    };
    match key {
        "out" => rename(job, value),
        "dir" => {
            match &mut job.output {
                Output::Named { dir, .. } | Output::In { dir, .. } => *dir = PathBuf::from(value),
                Output::Stdout | Output::Pipe(_) | Output::Kept { .. } => {}
            }
            Ok(())
        }
        "checksum" => {
            job.check = Check::Sum(value.parse()?);
            Ok(())
        }
        _ => match ASKING.iter().find(|(name, _)| *name == key) {
            Some((name, instead)) => Err(format!("{name}= cannot be had for one line; use {instead}")),
            None => Ok(()),
        },
    }
}

/// The list may come from anywhere, so its names are as hostile as a server's; but it may name directories below the target's.
fn rename(job: &mut Job, path: &str) -> Result<(), String> {
    let mut parts: Vec<String> = path.split('/').filter_map(name::safe).collect();
    let name = parts.pop().ok_or_else(|| format!("{} is not a name", printable(path)))?;
    let dir = match &job.output {
        Output::Named { dir, .. } | Output::In { dir, .. } => dir.clone(),
        Output::Stdout | Output::Pipe(_) | Output::Kept { .. } => return Ok(()),
    };
    job.output = Output::Named { dir: parts.iter().fold(dir, |dir, part| dir.join(part)), name };
    Ok(())
}

impl<R: BufRead> Iterator for List<R> {
    type Item = Result<Job, String>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let Some(line) = self.line() else {
                self.ended = true;
                break;
            };
            let line = match line {
                Ok(line) => line,
                Err(why) => return Some(Err(why)),
            };
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            if line.starts_with([' ', '\t']) {
                let Some(job) = &mut self.open else { continue };
                if let Err(why) = option(job, &line) {
                    self.open = None;
                    return Some(Err(self.place(&why)));
                }
                continue;
            }
            let job = self.job(&line);
            let before = self.open.take();
            match job {
                Ok(job) => self.open = Some(job),
                Err(why) => {
                    self.open = before;
                    return Some(Err(why));
                }
            }
            if let Some(before) = before {
                return Some(Ok(before));
            }
        }
        self.open.take().map(Ok)
    }
}

#[cfg(test)]
mod tests {
    //! What lists look like.

    use std::path::PathBuf;

    use cede_transfer::engine::{Check, Job, NameFrom, Output};

    use super::List;
    use crate::plan::Defaults;

    fn read(text: &str) -> Vec<Result<Job, String>> {
        let defaults = Defaults { output: Output::In { dir: PathBuf::from("d"), from: NameFrom::Auto }, check: Check::Size };
        List::new(text.as_bytes(), defaults).collect()
    }

    fn named(job: &Job) -> String {
        match &job.output {
            Output::Named { dir, name } => dir.join(name).to_string_lossy().into_owned(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn plain_lines() {
        let jobs = read("# list\nhttp://h/a\n\nhttp://h/b\tother name\r\nhttp://h/c\thttp://m/c\n");
        let jobs: Vec<_> = jobs.into_iter().map(Result::unwrap).collect();
        assert_eq!(jobs.iter().map(|job| job.url.path()).collect::<Vec<_>>(), ["/a", "/b", "/c"]);
        assert_eq!(named(&jobs[1]), "d/other name");
        assert_eq!(jobs[2].mirrors.len(), 1);
    }

    #[test]
    fn options_of_aria2() {
        let sum = "0".repeat(64);
        let jobs = read(&format!("http://h/a\n  out=x/../../y\n  dir=e\n  checksum=sha-256={sum}\n  split=3\nhttp://h/b"));
        let first = jobs[0].as_ref().unwrap();
        assert_eq!(named(first), "e/y");
        assert_eq!(first.check, Check::Sum(format!("sha256:{sum}").parse().unwrap()));
        assert_eq!(jobs.len(), 2);
    }

    #[test]
    fn options_that_would_change_what_comes_are_not_passed_over() {
        for (option, text) in
            [("header=A: b", "--header"), ("http-user=me", "--user"), ("all-proxy=http://p", "--proxy"), ("nonsense", "NAME=VALUE")]
        {
            let jobs = read(&format!("http://h/a\n  {option}\nhttp://h/b"));
            let told = jobs[0].as_ref().unwrap_err();
            assert!(told.starts_with("line 2 of the list: ") && told.contains(text), "{told}");
            assert_eq!(jobs[1].as_ref().unwrap().url.path(), "/b");
        }
    }

    #[test]
    fn wrong_lines_are_told_and_passed() {
        let jobs = read("http://h/a\nnonsense\nhttp://h/b\n  checksum=sha-256=1\nhttp://h/c\n");
        let told: Vec<String> = jobs.iter().filter_map(|job| job.as_ref().err().cloned()).collect();
        assert!(told[0].starts_with("line 2 of the list: nonsense is not a URL") && told[1].starts_with("line 4"), "{told:?}");
        let good: Vec<&str> = jobs.iter().filter_map(|job| Some(job.as_ref().ok()?.url.path())).collect();
        assert_eq!(good, ["/a", "/c"]);
    }
}
