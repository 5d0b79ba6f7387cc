//! Which paths the transfers of this run write to, so that no two share one.
//!
//! A transfer claims its target and its `.part`, and both in one set: the `.part` of `x` may be the target of another URL, which is called `x.part`. A claim
//! outlives its transfer, because what was written has to stay as it is until the run ends; only a transfer that wrote nothing gives its claims back.
//!
//! A run may have a million targets, so the set holds 64 bits of each. Two paths that share them (once in a few million runs of a million files) make the second
//! transfer fail as if its path were taken; nothing is ever overwritten.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The paths that are taken. Clones share the set.
#[derive(Clone, Debug, Default)]
pub(crate) struct Claims(Arc<Mutex<HashSet<u64>>>, RandomState);

/// A claim that is given back when it is dropped, unless it was [`keep`](Claim::keep)t.
#[derive(Debug)]
#[must_use = "dropping it gives the path back"]
pub(crate) struct Claim {
    path: Option<u64>,
    claims: Claims,
}

impl Claims {
    /// Claims the path, or returns `None` if another transfer has it.
    pub(crate) fn take(&self, path: &Path) -> Option<Claim> {
        let path = self.1.hash_one(path);
        self.lock().insert(path).then(|| Claim { path: Some(path), claims: self.clone() })
    }

    /// A panic elsewhere leaves a plain set behind.
    fn lock(&self) -> MutexGuard<'_, HashSet<u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Claim {
    /// The path stays taken to the end of the run.
    pub(crate) fn keep(mut self) {
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
