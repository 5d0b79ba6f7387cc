//! The arguments of `main` and `test`: what can be said, and which of it fits together.

use proc_macro2::Span;
use quote::format_ident;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{Error, Expr, ExprLit, Ident, Lit, Meta, Path, Token};

/// Which attribute it is, and how its crate is known.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) is_test: bool,
    krate: &'static str,
}

impl Entry {
    pub(crate) const MAIN: Entry = Entry { is_test: false, krate: "cede" };
    pub(crate) const TEST: Entry = Entry { is_test: true, krate: "cede" };
    pub(crate) const TOKIO_MAIN: Entry = Entry { is_test: false, krate: "tokio" };
    pub(crate) const TOKIO_TEST: Entry = Entry { is_test: true, krate: "tokio" };

    /// The path of its crate.
    fn path(self) -> Path {
        let krate = Ident::new(self.krate, Span::call_site());
        syn::parse_quote!(::#krate)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flavor {
    MultiThread,
    CurrentThread,
    Local,
}

/// How to build the runtime.
pub(crate) struct Arguments {
    pub(crate) flavor: Flavor,
    pub(crate) worker_threads: Option<usize>,
    pub(crate) start_paused: Option<bool>,
    /// A variant of `runtime::UnhandledPanic`.
    pub(crate) unhandled_panic: Option<Ident>,
    pub(crate) name: Option<String>,
    /// The path of the crate `cede`.
    pub(crate) krate: Path,
}

/// An argument as it was written.
struct Given<T> {
    value: T,
    span: Span,
}

/// What was written so far.
#[derive(Default)]
struct Written {
    flavor: Option<Given<Flavor>>,
    worker_threads: Option<Given<usize>>,
    start_paused: Option<Given<bool>>,
    unhandled_panic: Option<Given<Ident>>,
    name: Option<Given<String>>,
    krate: Option<Given<Path>>,
}

impl Arguments {
    /// What no arguments mean.
    pub(crate) fn defaults(entry: Entry) -> Self {
        Arguments {
            flavor: if entry.is_test { Flavor::CurrentThread } else { Flavor::MultiThread },
            worker_threads: None,
            start_paused: None,
            unhandled_panic: None,
            name: None,
            krate: entry.path(),
        }
    }

    pub(crate) fn parse(entry: Entry, tokens: proc_macro2::TokenStream) -> Result<Self, Error> {
        let mut written = Written::default();
        for meta in Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens)? {
            written.add(&meta)?;
        }
        written.check(entry)
    }
}

impl Written {
    fn add(&mut self, meta: &Meta) -> Result<(), Error> {
        let key = meta.path().get_ident().map(Ident::to_string).unwrap_or_default();
        let Meta::NameValue(argument) = meta else { return Err(Error::new_spanned(meta, not_an_argument(&key))) };
        let value = Value { key: &key, expression: &argument.value };
        match key.as_str() {
            "flavor" => set(&mut self.flavor, meta, value.flavor()?),
            "worker_threads" => set(&mut self.worker_threads, meta, value.count()?),
            "start_paused" => set(&mut self.start_paused, meta, value.truth()?),
            "unhandled_panic" => set(&mut self.unhandled_panic, meta, value.unhandled_panic()?),
            "name" => set(&mut self.name, meta, value.string()?),
            "crate" => set(&mut self.krate, meta, value.path()?),
            _ => Err(Error::new_spanned(meta, not_an_argument(&key))),
        }
    }

    fn check(self, entry: Entry) -> Result<Arguments, Error> {
        let mut arguments = Arguments::defaults(entry);
        if let Some(flavor) = self.flavor {
            arguments.flavor = flavor.value;
        }
        let threaded = arguments.flavor == Flavor::MultiThread;
        if let Some(given) = &self.worker_threads
            && !threaded
        {
            return Err(needs(entry, "worker_threads", "multi_thread", given.span));
        }
        if let Some(given) = &self.start_paused
            && threaded
        {
            return Err(needs(entry, "start_paused", "current_thread", given.span));
        }
        if let Some(given) = &self.unhandled_panic
            && threaded
        {
            return Err(needs(entry, "unhandled_panic", "current_thread", given.span));
        }
        arguments.worker_threads = self.worker_threads.map(|given| given.value);
        arguments.start_paused = self.start_paused.map(|given| given.value);
        arguments.unhandled_panic = self.unhandled_panic.map(|given| given.value);
        arguments.name = self.name.map(|given| given.value);
        if let Some(krate) = self.krate {
            arguments.krate = krate.value;
        }
        Ok(arguments)
    }
}

fn set<T>(slot: &mut Option<Given<T>>, meta: &Meta, value: T) -> Result<(), Error> {
    if slot.is_some() {
        let key = meta.path().get_ident().map(Ident::to_string).unwrap_or_default();
        return Err(Error::new_spanned(meta, format!("`{key}` is given twice; remove one of them")));
    }
    *slot = Some(Given { value, span: meta.span() });
    Ok(())
}

fn not_an_argument(key: &str) -> String {
    const ALL: &str =
        "the arguments are `flavor`, `worker_threads`, `start_paused`, `unhandled_panic`, `name` and `crate`, each as `argument = value`";
    match key {
        "flavor" | "worker_threads" | "start_paused" | "unhandled_panic" | "name" | "crate" => {
            format!("`{key}` needs a value: write `{key} = …`")
        }
        "multi_thread" | "current_thread" | "local" | "threaded_scheduler" | "basic_scheduler" => {
            format!("to choose the flavor, write `flavor = \"{}\"`", current_name(key))
        }
        "core_threads" => "`core_threads` is called `worker_threads`".into(),
        _ => format!("unknown argument; {ALL}"),
    }
}

/// What an older name of a flavor became.
fn current_name(flavor: &str) -> &str {
    match flavor {
        "basic_scheduler" | "single_thread" => "current_thread",
        "threaded_scheduler" => "multi_thread",
        other => other,
    }
}

fn needs(entry: Entry, key: &str, flavor: &str, span: Span) -> Error {
    let (krate, attribute) = (entry.krate, if entry.is_test { "test" } else { "main" });
    Error::new(span, format!("`{key}` needs the flavor `{flavor}`: write `#[{krate}::{attribute}(flavor = \"{flavor}\", {key} = …)]`"))
}

/// The value of one argument, to be taken as one kind of literal.
struct Value<'a> {
    key: &'a str,
    expression: &'a Expr,
}

impl Value<'_> {
    fn literal(&self) -> Option<&Lit> {
        match self.expression {
            Expr::Lit(ExprLit { lit, .. }) => Some(lit),
            _ => None,
        }
    }

    fn wrong(&self, expected: &str) -> Error {
        Error::new_spanned(self.expression, format!("`{}` must be {expected}", self.key))
    }

    fn string(&self) -> Result<String, Error> {
        match self.literal() {
            Some(Lit::Str(string)) => Ok(string.value()),
            _ => Err(self.wrong("a string")),
        }
    }

    fn truth(&self) -> Result<bool, Error> {
        match self.literal() {
            Some(Lit::Bool(truth)) => Ok(truth.value),
            _ => Err(self.wrong("`true` or `false`")),
        }
    }

    fn count(&self) -> Result<usize, Error> {
        let count = match self.literal() {
            Some(Lit::Int(count)) => count.base10_parse::<usize>().ok(),
            _ => None,
        };
        count.filter(|count| *count > 0).ok_or_else(|| self.wrong("a whole number above 0"))
    }

    fn path(&self) -> Result<Path, Error> {
        match self.literal() {
            Some(Lit::Str(path)) => path.parse::<Path>().map_err(|_| self.wrong("a path, such as \"::cede\"")),
            _ => Err(self.wrong("a path in a string, such as \"::cede\"")),
        }
    }

    fn flavor(&self) -> Result<Flavor, Error> {
        match self.string()?.as_str() {
            "multi_thread" => Ok(Flavor::MultiThread),
            "current_thread" => Ok(Flavor::CurrentThread),
            "local" => Ok(Flavor::Local),
            old if current_name(old) != old => {
                Err(Error::new_spanned(self.expression, format!("the flavor `{old}` is called `{}`", current_name(old))))
            }
            _ => Err(self.wrong("\"multi_thread\", \"current_thread\" or \"local\"")),
        }
    }

    fn unhandled_panic(&self) -> Result<Ident, Error> {
        match self.string()?.as_str() {
            "ignore" => Ok(format_ident!("Ignore")),
            "shutdown_runtime" => Ok(format_ident!("ShutdownRuntime")),
            _ => Err(self.wrong("\"ignore\" or \"shutdown_runtime\"")),
        }
    }
}
