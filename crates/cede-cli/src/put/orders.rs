//! What the command line orders, decided before anything is sent.

use std::path::{Path, PathBuf};

use cede_transfer::printable;
use cede_transfer::upload::{How, Journal, Order, Part, Place, Source, Store, journals};
use percent_encoding::percent_decode_str;
use url::Url;

use crate::cli::{Method, PutArgs};
use crate::plan::parse;

/// How many parts of an object `resume` sends at a time; `put` has an option for it.
const PARTS: usize = 4;

/// # Errors
/// What is wrong with the command line, in one line.
pub(super) fn of(args: &PutArgs) -> Result<Vec<Order>, String> {
    let (url, files) = args.what.split_last().ok_or("a URL is needed")?;
    if files.is_empty() && args.form.is_empty() && !url.contains("://") {
        return Err(format!("where is {} to be uploaded to? Write: cede put FILE… URL", printable(url)));
    }
    let url = if url.starts_with("s3://") { s3_url(url)? } else { parse(url)? };
    if url.fragment().is_some() {
        return Err(format!("{}: what is after '#' would not be sent", printable(url.as_str())));
    }
    if !args.form.is_empty() {
        if !files.is_empty() {
            return Err("with --form, the files are in the form: --form NAME=@FILE".to_owned());
        }
        let parts = args.form.iter().map(|text| part(text)).collect::<Result<_, _>>()?;
        return Ok(vec![order(args, Source::Form(parts), url)]);
    }
    if files.is_empty() {
        return Err(format!("what is to be uploaded to {}? Write: cede put FILE… URL", printable(url.as_str())));
    }
    let is_dir = url.path().ends_with('/');
    if files.len() > 1 && !is_dir {
        return Err(format!("there are several files, so {} has to end in '/'", printable(url.as_str())));
    }
    let one = |file: &String| {
        let url = if is_dir { inside(&url, &name(args, file)?)? } else { url.clone() };
        let order = order(args, source(args, file), url);
        if order.url.scheme() == "s3" { stored(args, order) } else { Ok(order) }
    };
    let orders: Vec<Order> = files.iter().map(one).collect::<Result<_, _>>()?;
    let mut places = std::collections::HashSet::new();
    match orders.iter().find(|order| !places.insert(&order.url)) {
        Some(order) => Err(format!("two files would be stored as {}, and one of them lost", printable(order.url.as_str()))),
        None => Ok(orders),
    }
}

/// # Errors
/// Why this is no place in a store.
fn s3_url(text: &str) -> Result<Url, String> {
    let shown = printable(text);
    let url = Url::parse(text).map_err(|error| format!("{shown} is not a URL: {error}"))?;
    match url.host_str() {
        Some(bucket) if !bucket.is_empty() && !url.path().is_empty() && url.query().is_none() => Ok(url),
        _ => Err(format!("{shown}: write it as s3://BUCKET/NAME, or s3://BUCKET/ for the files' own names")),
    }
}

/// The order as one for a store that speaks S3.
fn stored(args: &PutArgs, order: Order) -> Result<Order, String> {
    if args.tus || args.resume || args.method != Method::Put {
        return Err("s3:// has a way of its own: leave out --tus, --continue and --method; it can always go on".to_owned());
    }
    let (endpoint, path_style) = match &args.s3_endpoint {
        Some(endpoint) => (parse(endpoint).map_err(|why| format!("--s3-endpoint: {why}"))?, true),
        None => (parse(&format!("https://s3.{}.amazonaws.com", args.s3_region)).map_err(|why| format!("--s3-region: {why}"))?, false),
    };
    let (bucket, object) = bucket_and_object(&order.url);
    let (region, part_size, width) = (args.s3_region.clone(), args.part_size, usize::from(args.parts));
    let store = Store { endpoint, path_style, bucket, object, region, login: store_login()?, part_size, width };
    Ok(Order { how: How::S3(Box::new(store)), ..order })
}

fn bucket_and_object(url: &Url) -> (String, String) {
    let object = percent_decode_str(url.path().trim_start_matches('/')).decode_utf8_lossy().into_owned();
    (url.host_str().unwrap_or_default().to_owned(), object)
}

/// Access key, secret, and perhaps a session token.
///
/// # Errors
/// One is there without the other.
fn store_login() -> Result<Option<(String, String, Option<String>)>, String> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    match (variable("AWS_ACCESS_KEY_ID"), variable("AWS_SECRET_ACCESS_KEY")) {
        (Some(key), Some(secret)) => Ok(Some((key, secret, variable("AWS_SESSION_TOKEN")))),
        (None, None) => Ok(None),
        _ => Err("AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together; one of them is not set".to_owned()),
    }
}

fn order(args: &PutArgs, source: Source, url: Url) -> Order {
    let how = match args.method {
        _ if args.tus => How::Tus { probe: false },
        _ if args.resume => How::Tus { probe: true },
        _ if !args.form.is_empty() => How::Post,
        Method::Post => How::Post,
        Method::Put => How::Put,
    };
    let state = args.journals.clone().or_else(state_dir);
    Order { source, url, how, only_new: args.no_clobber, check: args.check, restart: args.restart, state }
}

fn source(args: &PutArgs, file: &str) -> Source {
    if file == "-" { Source::Stdin(args.name.clone()) } else { Source::File(PathBuf::from(file)) }
}

fn name(args: &PutArgs, file: &str) -> Result<String, String> {
    if file == "-" {
        return Ok(args.name.clone());
    }
    let name = Path::new(file).file_name().and_then(|name| name.to_str());
    name.map(str::to_owned).ok_or_else(|| format!("{} has no name that a URL could have; give a whole URL", printable(file)))
}

/// The URL of a name in a directory.
fn inside(dir: &Url, name: &str) -> Result<Url, String> {
    let mut url = dir.clone();
    url.path_segments_mut().map_err(|()| "this URL has no path".to_owned())?.pop_if_empty().push(name);
    Ok(url)
}

fn part(text: &str) -> Result<Part, String> {
    let (name, value) = text.split_once('=').ok_or_else(|| format!("--form {}: write it as NAME=@FILE or NAME=TEXT", printable(text)))?;
    let name = name.to_owned();
    Ok(match value.strip_prefix('@') {
        Some(file) => {
            let (path, mut rest) = up_to_option(file);
            let (mut kind, mut called) = (None, None);
            // As curl has it, in any order.
            while let Some((option, value)) = rest.split_once('=') {
                let (value, more) = up_to_option(value);
                *(if option == ";type" { &mut kind } else { &mut called }) = Some(unquoted(value).to_owned());
                rest = more;
            }
            if let Some(kind) = kind.as_ref().filter(|kind| !kind.contains('/') || kind.chars().any(char::is_control)) {
                return Err(format!("--form {}: {} is not a media type, such as image/png", printable(text), printable(kind)));
            }
            Part::File { name, path: PathBuf::from(path), called, kind }
        }
        None => Part::Text { name, value: value.to_owned() },
    })
}

/// Without the quotes around it, if there are two. Those of a parameter, as in `text/plain; charset="utf-8"`, are its own.
fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// What is before the first option of a file in a form, and the rest.
fn up_to_option(text: &str) -> (&str, &str) {
    let at = [";type=", ";filename="].iter().filter_map(|option| text.find(option)).min();
    text.split_at(at.unwrap_or(text.len()))
}

/// The resumable uploads of files below a directory that an earlier run has begun, in the order of their files; and what to say about those that cannot be gone on with.
///
/// # Errors
/// Why they cannot be found.
pub(crate) fn begun_below(dir: &Path, state: Option<&Path>) -> std::io::Result<(Vec<Order>, Vec<String>)> {
    let Some(state) = state.map(Path::to_owned).or_else(state_dir) else { return Ok((Vec::new(), Vec::new())) };
    let dir = dir.canonicalize()?;
    let (mut orders, mut others) = (Vec::new(), Vec::new());
    let mut begun = journals(&state)?;
    begun.retain(|journal| journal.source.starts_with(&dir));
    begun.sort_by(|one, other| (&one.source, &one.url).cmp(&(&other.source, &other.url)));
    for journal in begun {
        let (source, url) = (printable(&journal.source.to_string_lossy()), printable(&journal.url));
        match again(journal, &state) {
            Ok(order) => orders.push(order),
            Err(why) => others.push(format!("{source} to {url}: not complete, and {why}")),
        }
    }
    Ok((orders, others))
}

/// The order that goes on with an upload.
///
/// # Errors
/// What it needs that is not there.
fn again(journal: Journal, state: &Path) -> Result<Order, String> {
    let (url, how) = if journal.url.starts_with("s3://") {
        let url = s3_url(&journal.url)?;
        let Some(place) = &journal.place else {
            let (source, url) = (printable(&journal.source.to_string_lossy()), printable(&journal.url));
            return Err(format!("an earlier version did not write down where the store is; go on with: cede put {source} {url}"));
        };
        let login = if place.signed { store_login()? } else { None };
        if place.signed && login.is_none() {
            return Err("the store wants a login; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and resume again".to_owned());
        }
        let is_same = |(key, ..): &(String, String, Option<String>)| place.login.as_ref().is_none_or(|known| Place::hash_of(key) == *known);
        if !login.as_ref().is_none_or(is_same) {
            let (source, url) = (printable(&journal.source.to_string_lossy()), printable(&journal.url));
            return Err(format!(
                "it was begun with another login than AWS_ACCESS_KEY_ID; set that, or go on with: cede put {source} {url}"
            ));
        }
        let (bucket, object) = bucket_and_object(&url);
        let (endpoint, region) = (parse(&place.endpoint)?, place.region.clone());
        let store = Store { endpoint, path_style: place.path_style, bucket, object, region, login, part_size: journal.part, width: PARTS };
        (url, How::S3(Box::new(store)))
    } else {
        (parse(&journal.url)?, How::Tus { probe: false })
    };
    let source = Source::File(journal.source);
    Ok(Order { source, url, how, only_new: journal.only_new, check: journal.check, restart: false, state: Some(state.to_owned()) })
}

/// Where programs keep what is worth keeping between runs.
fn state_dir() -> Option<PathBuf> {
    let given = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let state = given.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/state")))?;
    Some(state.join("cede/uploads"))
}

#[cfg(test)]
mod tests {
    //! Command lines, right and wrong.

    use cede_transfer::upload::{How, Order, Part, Source};
    use clap::Parser;

    use super::of;
    use crate::cli::{Cli, Command};

    fn orders(line: &[&str]) -> Result<Vec<Order>, String> {
        let line = ["cede", "put"].iter().chain(line);
        match Cli::try_parse_from(line).map_err(|error| error.to_string())?.command {
            Command::Put(args) => of(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn files_and_urls() {
        let made = orders(&["dir/a b", "-", "http://h/in/", "--name", "x"]).unwrap();
        assert_eq!(made.iter().map(|order| order.url.as_str()).collect::<Vec<_>>(), ["http://h/in/a%20b", "http://h/in/x"]);
        assert!(matches!(&made[1].source, Source::Stdin(name) if name == "x"));
        let made = orders(&["a", "http://h/b", "--method", "POST", "-n"]).unwrap();
        assert!(made[0].url.as_str() == "http://h/b" && matches!(made[0].how, How::Post) && made[0].only_new);
        assert!(matches!(orders(&["a", "http://h/b", "-c"]).unwrap()[0].how, How::Tus { probe: true }));
    }

    #[test]
    fn stores() {
        let made = orders(&["dir/a b", "s3://bucket/in/", "--s3-endpoint", "http://127.0.0.1:9000"]).unwrap();
        let How::S3(store) = &made[0].how else { panic!("{made:?}") };
        assert_eq!((store.bucket.as_str(), store.object.as_str(), store.path_style), ("bucket", "in/a b", true));
        assert!(orders(&["a", "s3://bucket"]).unwrap_err().contains("s3://BUCKET/NAME"));
        assert!(orders(&["a", "s3://bucket/x", "--tus"]).unwrap_err().contains("leave out --tus"));
    }

    #[test]
    fn forms() {
        let made = orders(&["http://h/b", "-F", "f=@a/b", "-F", "note=x=y"]).unwrap();
        let Source::Form(parts) = &made[0].source else { panic!("{made:?}") };
        let expected = [
            Part::File { name: "f".to_owned(), path: "a/b".into(), called: None, kind: None },
            Part::Text { name: "note".to_owned(), value: "x=y".to_owned() },
        ];
        assert_eq!(parts, &expected);
        for options in [";type=image/png;filename=\"x;y.png\"", ";filename=x;y.png;type=image/png"] {
            let made = orders(&["http://h/b", "-F", &format!("f=@a;b{options}")]).unwrap();
            let Source::Form(parts) = &made[0].source else { panic!("{made:?}") };
            let (called, kind) = (Some("x;y.png".to_owned()), Some("image/png".to_owned()));
            assert_eq!(parts, &[Part::File { name: "f".to_owned(), path: "a;b".into(), called, kind }], "{options}");
        }
        for (given, kind) in [("text/plain; charset=\"utf-8\"", "text/plain; charset=\"utf-8\""), ("\"text/plain\"", "text/plain")] {
            let made = orders(&["http://h/b", "-F", &format!("f=@a;type={given}")]).unwrap();
            let Source::Form(parts) = &made[0].source else { panic!("{made:?}") };
            assert!(matches!(&parts[0], Part::File { kind: Some(made), .. } if made == kind), "{parts:?}");
        }
        assert!(orders(&["http://h/b", "-F", "f=@a;type=png"]).unwrap_err().contains("png is not a media type"));
    }

    #[test]
    fn mistakes() {
        let told = |line: &[&str]| orders(line).unwrap_err();
        assert!(told(&["http://h/"]).contains("what is to be uploaded"));
        assert!(told(&["file"]).contains("where is file to be uploaded to"));
        assert!(told(&["a/x", "b/x", "http://h/in/"]).contains("two files would be stored as http://h/in/x"));
        assert!(told(&["a", "b"]).contains("is not a URL"));
        assert!(told(&["a", "b", "http://h/x"]).contains("has to end in '/'"));
        assert!(told(&["a", "http://h/", "-F", "f=@b"]).contains("the files are in the form"));
        assert!(told(&["http://h/", "-F", "f"]).contains("NAME=@FILE"));
        assert!(told(&["a", "http://h/x", "--tus", "-c"]).contains("cannot be used"));
    }
}
