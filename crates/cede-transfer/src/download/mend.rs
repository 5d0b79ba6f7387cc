//! The end of a download that has a manifest: what is wrong is fetched again, piece by piece, before the file gets its name.

use std::sync::Arc;

use super::{Follower, Transfer};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::manifest::Manifest;
use crate::repair::{self, Mender};
use crate::sink::Sink;

/// Compares size, checksum and pieces with the manifest, mends what can be mended, and returns what there is to say.
pub(super) async fn check(
    transfer: &Transfer,
    follower: &mut Follower,
    sink: &Arc<Sink>,
    total: u64,
    manifest: &Arc<Manifest>,
) -> Result<String, Failure> {
    if let Some(size) = manifest.size.filter(|size| *size != total) {
        let failure = Failure::new(Exit::Checksum, format!("the file has {total} bytes, but the manifest says {size}"));
        return Err(failure.help("the server has another version; get a manifest for it"));
    }
    let mut sum = follower.finish(sink, total).await.map_err(|error| transfer.file_failure("read", &error))?;
    if let (Some(expected), Some(bytes)) = (manifest.sum(), sink.memory()) {
        let mut hasher = expected.algorithm.hasher();
        hasher.update(&bytes);
        sum = Some(hasher.finish());
    }
    match (&sum, manifest.sum(), &manifest.pieces) {
        (Some(sum), Some(expected), _) if sum == expected => return Ok(format!("{} right", super::place::spelled(expected))),
        (_, None, None) => return Ok(String::new()),
        (Some(sum), Some(expected), None) => return Err(repair::differs(sum, expected)),
        _ => {}
    }
    let Some(file) = sink.file() else { return Err(Failure::new(Exit::Checksum, "the checksum is not right")) };
    let bad = repair::scan(file, manifest).await.map_err(|error| transfer.file_failure("read", &error))?;
    let count = bad.len();
    let mut mender = Mender::new(&transfer.shared, file, manifest, &*transfer.watch);
    mender.mend(bad, &transfer.sources).await?;
    repair::prove(file, manifest).await?;
    Ok(match count {
        0 => "all pieces right".to_owned(),
        _ => format!("{count} of {} pieces fetched again, now right", manifest.pieces.as_ref().map_or(0, crate::manifest::Pieces::count)),
    })
}
