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
            Part::File { name, path } => {
                let local = Local::open(path).await?;
                let head = format!(
                    "--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\nContent-Type: application/octet-stream\r\n\r\n",
                    quoted(name),
                    quoted(&file_name(path))
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
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
