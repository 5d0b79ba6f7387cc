//! Which name a downloaded file gets, and why it can never leave its directory.
//!
//! A name comes from the server (`Content-Disposition`, or the path of a URL that a redirect chose) or from a URL somebody pasted, so it is hostile until
//! [`safe`] has looked at it. The order is the point: decode once, *then* split at separators and take the last part; a name that is decoded after it was
//! split can grow new separators (`%2e%2e%2fevil`), which is how several tools came to write outside their directory.
//!
//! - I1: a name from [`safe`] is one path component: no `/`, no `\`, not empty, not `.` or `..`.
//! - I2: it starts with neither a dot (no hidden files) nor a dash (not an option of the next command).
//! - I3: it holds no control character, no character that reorders or hides text, and none that Windows reserves.
//! - I4: with [`SUFFIX`] and [`JOURNAL`] it is at most 255 bytes, the limit of the usual file systems.

use percent_encoding::percent_decode;
use url::Url;

/// What the file is called until it is complete.
pub const SUFFIX: &str = ".part";

/// What the name of its journal has after that.
pub const JOURNAL: &str = ".journal";

/// The name when the URL has none, as in `https://example.com/`.
pub const FALLBACK: &str = "index.html";

const LIMIT: usize = 255 - SUFFIX.len() - JOURNAL.len();

/// The name in the path of a URL, decoded once and made safe.
pub fn from_url(url: &Url) -> Option<String> {
    let last = url.path_segments()?.next_back()?;
    safe(&percent_decode(last.as_bytes()).decode_utf8_lossy())
}

/// The name in a `Content-Disposition` header: `filename*` before `filename`, with much patience for bad syntax.
pub fn from_content_disposition(header: &[u8]) -> Option<String> {
    let text = text_of(header);
    let mut plain = None;
    let mut extended = None;
    for (key, value) in parameters(&text) {
        if key.eq_ignore_ascii_case("filename*") {
            extended = extended.or_else(|| decode_extended(&value));
        } else if key.eq_ignore_ascii_case("filename") {
            plain = plain.or(Some(value));
        }
    }
    extended.as_deref().and_then(safe).or_else(|| plain.as_deref().and_then(safe))
}

/// One safe path component (I1–I4), or `None` when nothing usable is left.
pub fn safe(raw: &str) -> Option<String> {
    if is_plain(raw) {
        return Some(raw.to_owned());
    }
    let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
    let last = last.trim_matches(|c: char| c.is_whitespace()).trim_end_matches(['.', ' ']);
    let mut name: String = last.chars().map(|c| if is_forbidden(c) { '_' } else { c }).collect();
    if name.is_empty() {
        return None;
    }
    let leading = name.len() - name.trim_start_matches(['.', '-']).len();
    name.replace_range(..leading, &"_".repeat(leading));
    if is_device(&name) {
        name.insert(0, '_');
    }
    Some(shortened(&name, ""))
}

/// Whether nothing has to be done to a name, as far as a short look tells; this is asked twice for each small file.
fn is_plain(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.len() <= LIMIT
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
        && !is_device(name)
}

/// `name` with a number before its extension, for a name that is taken: `a.tar`, 2 becomes `a.2.tar`.
pub fn numbered(name: &str, number: u32) -> String {
    shortened(name, &format!(".{number}"))
}

/// Characters that take no room or change the order of others, so that two different names look the same.
pub fn is_invisible(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

fn is_forbidden(c: char) -> bool {
    c.is_control() || is_invisible(c) || matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*' | '/' | '\\')
}

/// Names that Windows gives to devices, with any extension.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().as_bytes();
    let is = |device: &[u8]| stem.len() >= 3 && stem[..3].eq_ignore_ascii_case(device);
    match stem.len() {
        3 => is(b"CON") || is(b"PRN") || is(b"AUX") || is(b"NUL"),
        4 => (is(b"COM") || is(b"LPT")) && matches!(stem[3], b'1'..=b'9'),
        _ => false,
    }
}

/// `stem + insert + extension` within the limit; only the stem gives way.
fn shortened(name: &str, insert: &str) -> String {
    let (stem, extension) = match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 16 => name.split_at(dot),
        _ => (name, ""),
    };
    let room = LIMIT - insert.len() - extension.len();
    let mut cut = stem.len().min(room);
    while !stem.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{insert}{extension}", &stem[..cut])
}

/// Headers are bytes: UTF-8 if they are, Latin-1 otherwise.
fn text_of(header: &[u8]) -> String {
    match std::str::from_utf8(header) {
        Ok(text) => text.to_owned(),
        Err(_) => latin1(header),
    }
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// The `key=value` pairs after the first `;`. Quotes may hold semicolons; a missing end quote ends at the end.
fn parameters(header: &str) -> Vec<(String, String)> {
    split_outside_quotes(header)
        .iter()
        .skip(1)
        .filter_map(|part| part.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), unquoted(value.trim())))
        .collect()
}

fn split_outside_quotes(header: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in header.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            ';' if !quoted => {
                parts.push(&header[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&header[start..]);
    parts
}

fn unquoted(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"') else { return value.to_owned() };
    let mut out = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => out.extend(chars.next()),
            c => out.push(c),
        }
    }
    out
}

/// `UTF-8'en'%e2%82%ac.txt`, as RFC 8187 has it.
fn decode_extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    let bytes: Vec<u8> = percent_decode(encoded.as_bytes()).collect();
    if charset.eq_ignore_ascii_case("utf-8") {
        String::from_utf8(bytes).ok()
    } else if charset.eq_ignore_ascii_case("iso-8859-1") {
        Some(latin1(&bytes))
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
