//! `cede demo`.
use crate::cli::DemoArgs;
use crate::exit::Exit;
pub(crate) fn run(_args: &DemoArgs) -> Exit {
    Exit::Done
}
