//! Making directories, with options.

use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use crate::io::pooled;

/// Options for making directories.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("cede-builder-{}", std::process::id()));
/// # cede::block_on(async {
/// cede::fs::DirBuilder::new().recursive(true).mode(0o700).create(path.join("a/b")).await?;
/// # cede::fs::remove_dir_all(&path).await
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, Default)]
pub struct DirBuilder {
    recursive: bool,
    mode: Option<u32>,
}

impl DirBuilder {
    /// The usual options: the parent must exist.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether missing parents are made too. It is no error then if the directory exists.
    pub fn recursive(&mut self, recursive: bool) -> &mut Self {
        self.recursive = recursive;
        self
    }

    /// The permissions of new directories, from which the process's mask is taken off.
    pub fn mode(&mut self, mode: u32) -> &mut Self {
        self.mode = Some(mode);
        self
    }

    /// Makes the directory.
    ///
    /// *Cancel safety*: dropping it does not end the operation.
    ///
    /// # Errors
    /// Those of `mkdir(2)`.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub async fn create(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref().to_owned();
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(self.recursive);
        if let Some(mode) = self.mode {
            builder.mode(mode);
        }
        pooled::run(move || builder.create(path)).await
    }
}
