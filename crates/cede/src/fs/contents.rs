//! Whole files at once: one trip to the pool, instead of one for each block.

use std::io;
use std::path::Path;

use crate::io::pooled;

/// The content of a file.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `open(2)` and `read(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::read(path)).await
}

/// The content of a file, as text.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// `InvalidData` if it is not UTF-8, and those of `open(2)` and `read(2)`.
///
/// # Panics
/// Outside of a runtime.
pub async fn read_to_string(path: impl AsRef<Path>) -> io::Result<String> {
    let path = path.as_ref().to_owned();
    pooled::run(move || std::fs::read_to_string(path)).await
}

/// Makes the content of a file; replaces what was there.
///
/// *Cancel safety*: dropping it does not end the operation.
///
/// # Errors
/// Those of `open(2)` and `write(2)`.
///
/// # Panics
/// Outside of a runtime.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("cede-contents-{}", std::process::id()));
/// # cede::block_on(async {
/// cede::fs::write(&path, "hello").await?;
/// assert_eq!(cede::fs::read_to_string(&path).await?, "hello");
/// # cede::fs::remove_file(&path).await
/// # }).unwrap();
/// ```
pub async fn write(path: impl AsRef<Path>, contents: impl AsRef<[u8]>) -> io::Result<()> {
    let (path, contents) = (path.as_ref().to_owned(), contents.as_ref().to_owned());
    pooled::run(move || std::fs::write(path, contents)).await
}
