//! Forms with files, as browsers send them (`multipart/form-data`).

use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::local::{Local, Segment};
use crate::failure::Failure;
use crate::units::hex;

/// A field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// A text.
    Text {
        /// The field's name.
        name: String,
        /// Its value.
        value: String,
    },
    /// A file.
    File {
        /// The field's name.
        name: String,
        /// The file.
        path: PathBuf,
        /// What the server is told that it is called; its own name, if this is `None`.
        called: Option<String>,
        /// Its media type; bytes of no known type, if this is `None`.
        kind: Option<String>,
    },
}

/// A form that can be sent: its `Content-Type`, and its bytes.
pub(super) async fn envelope(parts: &[Part], seed: u64) -> Result<(String, Vec<Segment>, Vec<Local>), Failure> {
    // No file holds this by accident, and a file cannot be made to: it is another one each time.
    let boundary = format!("cede-{}{}", hex(&seed.to_be_bytes()), hex(&seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()));
    let mut segments = Vec::new();
    let mut files = Vec::new();
    for part in parts {
        match part {
            Part::Text { name, value } => {
                let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{value}\r\n", quoted(name));
                segments.push(Segment::Text(Bytes::from(head)));
            }
            Part::File { name, path, called, kind } => {
                let local = Local::open(path).await?;
                let head = format!(
                    "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: {}\r\n\r\n",
                    quoted(name),
                    quoted(called.as_ref().unwrap_or(&file_name(path))),
                    kind.as_ref().map_or_else(|| "application/octet-stream".to_owned(), |kind| one_line(kind))
                );
                segments.push(Segment::Text(Bytes::from(head)));
                segments.push(Segment::File(local.clone(), 0));
                segments.push(Segment::Text(Bytes::from_static(b"\r\n")));
                files.push(local);
            }
        }
    }
    segments.push(Segment::Text(Bytes::from(format!("--{boundary}--\r\n"))));
    Ok((format!("multipart/form-data; boundary={boundary}"), segments, files))
}

/// The last part of a path.
pub(super) fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| "file".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// As browsers escape it.
fn quoted(name: &str) -> String {
    one_line(&name.replace('"', "%22"))
}

fn one_line(text: &str) -> String {
    text.replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    //! What stands before a file.

    use super::{Part, Segment, envelope};

    #[test]
    fn a_media_type_is_sent_as_it_is_and_stays_one_line() {
        let runtime = cede::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        for (kind, line) in [("text/plain; charset=\"utf-8\"", "text/plain; charset=\"utf-8\""), ("a/b\r\nc: d", "a/b%0D%0Ac: d")] {
            let path = std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
            let part = Part::File { name: "f".to_owned(), path, called: None, kind: Some(kind.to_owned()) };
            let (_, segments, _) = runtime.block_on(envelope(&[part], 1)).unwrap();
            let Segment::Text(head) = &segments[0] else { panic!("no head") };
            let head = String::from_utf8(head.to_vec()).unwrap();
            assert!(head.contains(&format!("\r\nContent-Type: {line}\r\n\r\n")), "{head}");
        }
    }
}
