//! Guards that cancel a token when they are dropped.
#![forbid(unsafe_code)]

use super::CancellationToken;

/// Cancels its token when it is dropped; made by [`CancellationToken::drop_guard`].
///
/// ```
/// let token = cede_sync::CancellationToken::new();
/// drop(token.clone().drop_guard().disarm());
/// assert!(!token.is_cancelled());
/// drop(token.clone().drop_guard());
/// assert!(token.is_cancelled());
/// ```
#[derive(Debug)]
#[must_use = "the token is cancelled when the guard is dropped"]
pub struct DropGuard {
    /// None once it is disarmed.
    token: Option<CancellationToken>,
}

/// Cancels a token when it is dropped; made by [`CancellationToken::drop_guard_ref`].
///
/// ```
/// let token = cede_sync::CancellationToken::new();
/// {
///     let guard = token.drop_guard_ref();
///     assert!(!guard.token().is_cancelled());
/// }
/// assert!(token.is_cancelled());
/// ```
#[derive(Debug)]
#[must_use = "the token is cancelled when the guard is dropped"]
pub struct DropGuardRef<'a> {
    /// None once it is disarmed.
    token: Option<&'a CancellationToken>,
}

impl DropGuard {
    #[inline]
    pub(super) fn new(token: CancellationToken) -> Self {
        Self { token: Some(token) }
    }

    /// The token that it guards.
    #[inline]
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        self.token.as_ref().expect("it is taken only when the guard ends")
    }

    /// Takes the token out, which is not cancelled then.
    #[inline]
    pub fn disarm(mut self) -> CancellationToken {
        self.token.take().expect("it is taken only when the guard ends")
    }
}

impl<'a> DropGuardRef<'a> {
    #[inline]
    pub(super) fn new(token: &'a CancellationToken) -> Self {
        Self { token: Some(token) }
    }

    /// The token that it guards.
    #[inline]
    #[must_use]
    pub fn token(&self) -> &CancellationToken {
        self.token.expect("it is taken only when the guard ends")
    }

    /// Gives the token, which is not cancelled then.
    #[inline]
    pub fn disarm(mut self) -> &'a CancellationToken {
        self.token.take().expect("it is taken only when the guard ends")
    }
}

impl Drop for DropGuard {
    #[inline]
    fn drop(&mut self) {
        if let Some(token) = &self.token {
            token.cancel();
        }
    }
}

impl Drop for DropGuardRef<'_> {
    #[inline]
    fn drop(&mut self) {
        if let Some(token) = self.token {
            token.cancel();
        }
    }
}
