//! The procedural macros of cede: the attributes `main` and `test`, and the two things that `select!` needs and `macro_rules!` cannot do.
//!
//! * `entry` is the expansion of the attributes, `arguments` their arguments.
//! * `select` makes the enum that says which branch completed, and takes `ref` and `mut` out of a pattern.
//!
//! When something is wrong with the arguments, the function is still there in the expansion, so that the one error reported is the right one.
//!
//! No stability is promised; depend on `cede`.
#![forbid(unsafe_code)]

mod arguments;
mod entry;
mod select;

use proc_macro::TokenStream;

use arguments::Entry;

/// Makes an `async fn` the entry point of a program: its body runs on a runtime that is built for it.
///
/// Any `async fn` without arguments can carry it; each call builds a runtime of its own. Arguments:
///
/// * `flavor`: `"multi_thread"` (the default), `"current_thread"` or `"local"`;
/// * `worker_threads = 2`: how many threads run tasks; only for `multi_thread`, by default one per processor, or as many as the variable `TOKIO_WORKER_THREADS` says;
/// * `start_paused = true`: the clock stands still, and moves on when all tasks wait for it; only for the other two flavors;
/// * `unhandled_panic = "shutdown_runtime"` or `"ignore"`: what the panic of a task does; only for the other two flavors;
/// * `name = "…"`: the name of the runtime in reports;
/// * `crate = "…"`: the path under which the crate `cede` is known, by default `::cede`.
///
/// # Examples
///
/// ```ignore
/// #[cede::main(worker_threads = 2)]
/// async fn main() -> std::io::Result<()> {
///     println!("hello");
///     Ok(())
/// }
/// ```
#[proc_macro_attribute]
pub fn main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::MAIN, arguments.into(), item.into()).into()
}

/// Makes an `async fn` a test: its body runs on a runtime that is built for it.
///
/// The arguments are those of [`main`](macro@main), but the default flavor is `"current_thread"`.
///
/// # Examples
///
/// ```ignore
/// #[cede::test(start_paused = true)]
/// async fn a_day_passes() {
///     cede::time::sleep(std::time::Duration::from_secs(24 * 60 * 60)).await;
/// }
/// ```
#[proc_macro_attribute]
pub fn test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::TEST, arguments.into(), item.into()).into()
}

/// [`main`](macro@main) for the facade crate, whose users know it as `::tokio`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn tokio_main(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::TOKIO_MAIN, arguments.into(), item.into()).into()
}

/// [`test`](macro@test) for the facade crate, whose users know it as `::tokio`.
#[doc(hidden)]
#[proc_macro_attribute]
pub fn tokio_test(arguments: TokenStream, item: TokenStream) -> TokenStream {
    entry::expand(Entry::TOKIO_TEST, arguments.into(), item.into()).into()
}

/// For `select!`: `(_ _ _)` becomes an enum with three variants and one more, and an integer type with as many bits.
#[doc(hidden)]
#[proc_macro]
pub fn select_priv_declare_output_enum(branches: TokenStream) -> TokenStream {
    select::declare_output_enum(branches.into()).into()
}

/// For `select!`: a pattern without `ref` and `mut`, which only asks whether it matches.
#[doc(hidden)]
#[proc_macro]
pub fn select_priv_clean_pattern(pattern: TokenStream) -> TokenStream {
    select::clean_pattern(pattern.into()).into()
}

/// For `select!`: `Enum (_ _ _) (arguments)` becomes `Enum::_3(arguments)`, an expression or a pattern.
#[doc(hidden)]
#[proc_macro]
pub fn select_priv_variant(input: TokenStream) -> TokenStream {
    select::variant(input.into()).into()
}
