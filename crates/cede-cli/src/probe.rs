//! `cede probe`: what a server says about a file.

use cede_transfer::engine::Engine;
use cede_transfer::{Exit, printable};

use crate::cli::ProbeArgs;
use crate::out;
use crate::plan::{keep_cookies, parse, settings};
use crate::progress::lines::say;

/// Runs the command.
pub(crate) fn run(args: &ProbeArgs) -> Exit {
    let prepared =
        settings(&args.network).and_then(|settings| Ok((settings, args.urls.iter().map(|url| parse(url)).collect::<Result<Vec<_>, _>>()?)));
    let (settings, urls) = match prepared {
        Ok(prepared) => prepared,
        Err(mistake) => {
            say(&format!("error: {mistake}"));
            return Exit::Usage;
        }
    };
    let runtime = match crate::start::small() {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let cookies = settings.cookies.clone();
    let engine = Engine::new(settings);
    let codes = urls.into_iter().map(|url| match runtime.block_on(engine.probe(&url)) {
        Ok(facts) => {
            print(url.as_str(), facts.lines());
            Exit::Done
        }
        Err(failure) => {
            say(&format!("failed {}: {failure}", printable(url.as_str())));
            failure.exit()
        }
    });
    let codes: Vec<_> = codes.collect();
    keep_cookies(&cookies, &args.network, Exit::of_all(codes))
}

/// Facts below what they are about.
pub(crate) fn print(about: &str, facts: impl IntoIterator<Item = (&'static str, String)>) {
    let mut text = format!("{}\n", printable(about));
    for (name, value) in facts {
        text.push_str(&format!("  {:<12} {}\n", format!("{name}:"), printable(&value)));
    }
    out::print(text);
}
