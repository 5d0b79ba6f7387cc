//! Metalink 4 (RFC 5854): an XML file that says what files are and where. Only what a download needs is read; the rest is passed over, whatever it is.
//!
//! The parser pulls: nothing is kept of elements that do not matter. A document type is refused, and with it every entity but the five of XML: a Metalink needs
//! none, and expanding them is how small documents fill the memory of readers.

use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;
use quick_xml::{XmlVersion, escape};

use super::{Manifest, Pieces, safe_path, sort, web};
use crate::sum::{Algorithm, Sum};

/// More files than this in one Metalink are nobody's wish.
const FILES: usize = 100_000;
/// Deeper documents are not Metalinks.
const DEPTH: usize = 32;

/// What is being read.
#[derive(Debug, Default)]
struct File {
    name: String,
    size: Option<u64>,
    sums: Vec<Sum>,
    /// The length of a piece, and the algorithm.
    pieces: Option<(u64, Algorithm)>,
    values: Vec<String>,
    /// Whether the values that come belong to `pieces`.
    collects: bool,
    /// With priority and place, because equal ones stay in order.
    urls: Vec<(u32, url::Url)>,
}

/// Reads all files that a Metalink is about.
///
/// # Errors
/// Why it is not one, or which file in it is wrong.
pub fn parse(text: &str) -> Result<Vec<Manifest>, String> {
    let mut reader = Reader::from_str(text);
    let mut path: Vec<String> = Vec::new();
    let (mut file, mut files): (Option<File>, Vec<Manifest>) = (None, Vec::new());
    let mut content = String::new();
    // The attributes of the element whose text is being read.
    let mut kind = None;
    loop {
        match reader.read_event().map_err(|error| format!("at byte {}: {error}", reader.error_position()))? {
            Event::Start(tag) => {
                path.push(tag.local_name().as_ref().to_owned());
                if path.len() > DEPTH {
                    return Err("elements within elements without end".to_owned());
                }
                content.clear();
                kind = opened(&tag, &path, &mut file)?;
            }
            Event::Empty(tag) => {
                path.push(tag.local_name().as_ref().to_owned());
                content.clear();
                let kind = opened(&tag, &path, &mut file)?;
                closed(&path, "", kind.as_deref(), &mut file, &mut files)?;
                path.pop();
            }
            Event::End(_) => {
                closed(&path, content.trim(), kind.as_deref(), &mut file, &mut files)?;
                path.pop();
                content.clear();
            }
            Event::Text(text) => content.push_str(&text.xml10_content()),
            Event::CData(text) => content.push_str(&text.xml10_content()),
            Event::GeneralRef(entity) => match entity.resolve_char_ref().map_err(|error| error.to_string())? {
                Some(character) => content.push(character),
                None => {
                    let name = entity.xml10_content();
                    content
                        .push_str(escape::resolve_xml_entity(&name).ok_or_else(|| format!("an entity that XML does not define: {name}"))?);
                }
            },
            Event::DocType(_) => return Err("a document type, which a Metalink does not need".to_owned()),
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
    if !path.is_empty() {
        return Err(format!("it ends in the middle of <{}>", path.join("><")));
    }
    if files.is_empty() { Err("there is no file in it".to_owned()) } else { Ok(files) }
}

/// An element begins. Returns the attribute that its text needs.
fn opened(tag: &BytesStart<'_>, path: &[String], file: &mut Option<File>) -> Result<Option<String>, String> {
    let attribute = |name: &str| -> Result<Option<String>, String> {
        let found = tag.try_get_attribute(name).map_err(|error| error.to_string())?;
        let value = found.map(|found| found.normalized_value(XmlVersion::Explicit1_0).map(std::borrow::Cow::into_owned));
        value.transpose().map_err(|error| error.to_string())
    };
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    match path[..] {
        ["metalink"] if attribute("version")?.is_some_and(|version| version.starts_with('3')) => {
            Err("it is a Metalink 3; only Metalink 4 (RFC 5854) is understood".to_owned())
        }
        ["metalink", "file"] => {
            *file = Some(File { name: attribute("name")?.unwrap_or_default(), ..File::default() });
            Ok(None)
        }
        ["metalink", "file", "pieces"] => {
            let length = attribute("length")?.and_then(|length| length.trim().parse().ok()).ok_or("<pieces> without a length")?;
            let algorithm = attribute("type")?.and_then(|kind| kind.parse().ok());
            if let Some(file) = file {
                // Of several, the first that is understood counts.
                file.collects = file.pieces.is_none() && algorithm.is_some();
                if file.collects {
                    file.pieces = algorithm.map(|algorithm| (length, algorithm));
                }
            }
            Ok(None)
        }
        ["metalink", "file", "hash"] => attribute("type"),
        ["metalink", "file", "url"] => attribute("priority"),
        _ => Ok(None),
    }
}

/// An element ends; `text` is what was in it.
fn closed(path: &[String], text: &str, kind: Option<&str>, file: &mut Option<File>, files: &mut Vec<Manifest>) -> Result<(), String> {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    if path[..] == ["metalink", "file"] {
        if files.len() == FILES {
            return Err(format!("more than {FILES} files"));
        }
        files.extend(file.take().map(File::finish).transpose()?);
        return Ok(());
    }
    let Some(file) = file else { return Ok(()) };
    match path[..] {
        ["metalink", "file", "size"] => file.size = Some(text.parse().map_err(|_| format!("{}: its size is not a number", file.name))?),
        ["metalink", "file", "hash"] => {
            // Other algorithms are passed over; a known one with a wrong value is a broken file.
            if let Some(algorithm) = kind.and_then(|kind| kind.parse::<Algorithm>().ok()) {
                file.sums.push(format!("{}:{text}", algorithm.name()).parse()?);
            }
        }
        ["metalink", "file", "pieces", "hash"] if file.collects => file.values.push(text.to_owned()),
        ["metalink", "file", "url"] => {
            // 1 is the best and 999,999 the worst; without one, the worst.
            let priority = kind.and_then(|kind| kind.trim().parse().ok()).unwrap_or(999_999);
            file.urls.extend(web(text).map(|url| (priority, url)));
        }
        _ => {}
    }
    Ok(())
}

impl File {
    fn finish(mut self) -> Result<Manifest, String> {
        let Some(name) = safe_path(&self.name) else { return Err("a file has no name".to_owned()) };
        let wrong = |why: String| format!("{name}: {why}");
        let pieces = match self.pieces {
            Some((length, algorithm)) => {
                let size = self.size.ok_or_else(|| wrong("pieces without the size of the file".to_owned()))?;
                let values: Option<Vec<_>> = self.values.iter().map(|value| crate::units::unhex(value)).collect();
                let values = values.ok_or_else(|| wrong("the checksum of a piece is not hexadecimal".to_owned()))?;
                Some(Pieces::new(size, length, algorithm, values).map_err(wrong)?)
            }
            None => None,
        };
        sort(&mut self.sums);
        self.urls.sort_by_key(|(priority, _)| *priority);
        let urls = self.urls.into_iter().map(|(_, url)| url).collect();
        Ok(Manifest { name: Some(name), size: self.size, sums: self.sums, pieces, urls })
    }
}
