//! What is in a directory, for people and for programs.

use std::fs::File;
use std::io;
use std::time::{Duration, SystemTime};

use hyper::{StatusCode, header};
use percent_encoding::percent_decode_str;
use rustix::fs::{AtFlags, Dir, FileType, statat};

use crate::body::source::Source;
use crate::path::{PRIVATE, encode};
use crate::service::{Asked, Reply};
use crate::units;

/// A line of it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// Directories come first.
    is_file: bool,
    name: String,
    size: u64,
    modified: u64,
}

/// Lists the directory. Blocks.
pub(crate) fn of(asked: &Asked, dir: &File) -> io::Result<Reply> {
    let entries = read(dir)?;
    let wants_json = asked.header(header::ACCEPT).is_some_and(|accept| accept.contains("application/json"));
    let (kind, text) =
        if wants_json { ("application/json", json(&entries)) } else { ("text/html; charset=utf-8", html(asked.path(), &entries)) };
    let mut reply = Reply::new(StatusCode::OK)
        .with(header::CONTENT_TYPE, kind)
        .with(header::VARY, "accept")
        .with(header::CACHE_CONTROL, "no-cache")
        .with(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    reply.source = Source::text(text);
    Ok(reply)
}

fn read(dir: &File) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.to_bytes();
        // A name that is not UTF-8 can be asked for, but not written down here.
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        if text == "." || text == ".." || text == PRIVATE {
            continue;
        }
        // A link that leads nowhere, or a file that is gone already, is not there.
        let Ok(stat) = statat(dir, name, AtFlags::empty()) else { continue };
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind.is_file() || kind.is_dir() {
            let modified = u64::try_from(stat.st_mtime).unwrap_or(0);
            entries.push(Entry {
                is_file: kind.is_file(),
                name: text.to_owned(),
                size: u64::try_from(stat.st_size).unwrap_or(0),
                modified,
            });
        }
    }
    entries.sort();
    Ok(entries)
}

fn date(entry: &Entry) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(entry.modified))
}

fn json(entries: &[Entry]) -> String {
    let lines = entries.iter().map(|entry| {
        let kind = if entry.is_file { "file" } else { "directory" };
        serde_json::json!({ "name": entry.name, "type": kind, "size": entry.is_file.then_some(entry.size), "modified": date(entry) })
    });
    format!("{}\n", serde_json::Value::Array(lines.collect()))
}

fn html(path: &str, entries: &[Entry]) -> String {
    let title = escape(&percent_decode_str(path).decode_utf8_lossy());
    let mut out = format!(
        "<!doctype html>\n<meta charset=utf-8>\n<meta name=viewport content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>body{{font:15px system-ui;margin:2em}}td{{padding:.1em 1.5em .1em 0}}.n{{text-align:right}}</style>\n<h1>{title}</h1>\n<table>\n"
    );
    if !path.trim_matches('/').is_empty() {
        out.push_str("<tr><td><a href=\"../\">../</a></td></tr>\n");
    }
    for entry in entries {
        let slash = if entry.is_file { "" } else { "/" };
        let size = if entry.is_file { units::bytes(entry.size) } else { String::new() };
        // `./` keeps a name like `a:b` from being a scheme.
        out.push_str(&format!(
            "<tr><td><a href=\"./{}{slash}\">{}{slash}</a></td><td class=n>{size}</td><td>{}</td></tr>\n",
            encode(&entry.name),
            escape(&entry.name),
            date(entry)
        ));
    }
    out.push_str("</table>\n");
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    //! Names that try to be something else.

    use super::{Entry, html, json};

    #[test]
    fn names_stay_names() {
        let entry = |is_file, name: &str| Entry { is_file, name: name.to_owned(), size: 1536, modified: 0 };
        let entries = [entry(false, "dir"), entry(true, "<script>alert(1)</script>"), entry(true, "a\"b&c")];
        let page = html("/x%3Cy/", &entries);
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"), "{page}");
        assert!(page.contains("x&lt;y") && page.contains("href=\"./dir/\"") && page.contains("1.5 KiB"), "{page}");
        assert!(page.contains("href=\"./a%22b%26c\""), "{page}");
        let list: serde_json::Value = serde_json::from_str(&json(&entries)).unwrap();
        assert_eq!(list[0]["type"], "directory");
        assert_eq!(list[2]["name"], "a\"b&c");
    }
}
