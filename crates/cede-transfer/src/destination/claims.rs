//! Which paths the transfers of this run write to, so that no two share one.
//!
//! A transfer claims its target and its `.part`, and both in one set: the `.part` of `x` may be the target of another URL, which is called `x.part`. A claim
//! outlives its transfer, because what was written has to stay as it is until the run ends; only a transfer that wrote nothing gives its claims back.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The paths that are taken. Clones share the set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(Arc<Mutex<HashSet<PathBuf>>>);

/// A claim that is given back when it is dropped, unless it was [`keep`](Claim::keep)t.
#[derive(Debug)]
#[must_use = "dropping it gives the path back"]
pub(super) struct Claim {
    path: Option<PathBuf>,
    claims: Claims,
}

impl Claims {
    /// Claims the path, or returns `None` if another transfer has it.
    pub(super) fn take(&self, path: &Path) -> Option<Claim> {
        self.lock().insert(path.to_owned()).then(|| Claim { path: Some(path.to_owned()), claims: self.clone() })
    }

    /// A panic elsewhere leaves a plain set behind.
    fn lock(&self) -> MutexGuard<'_, HashSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The path stays taken to the end of the run.
    pub(super) fn keep(mut self) {
        self.path = None;
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(path) = self.path.take() {
            self.claims.lock().remove(&path);
        }
    }
}
