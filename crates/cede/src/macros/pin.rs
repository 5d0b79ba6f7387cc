//! [`pin!`](crate::pin): pinning to the frame.
//!
//! Invariant I1: the name of the value is shadowed by the pinned reference, in the same scope, so nothing can name or move the value again before it
//! is dropped.

/// Pins values where they are: each name becomes a `Pin<&mut _>` of what it was.
///
/// Two forms: of variables that exist, and of variables that it declares. `std::pin::pin!` is an expression and does the same for one value.
///
/// # Examples
///
/// ```
/// async fn answer() -> u32 { 42 }
///
/// # async fn example() {
/// let future = answer();
/// cede::pin!(future);
/// (&mut future).await;
///
/// cede::pin! {
///     let one = answer();
///     let two = answer();
/// }
/// assert_eq!(one.await + two.await, 84);
/// # }
/// ```
#[macro_export]
macro_rules! pin {
    ($($name:ident),* $(,)?) => {$(
        let mut $name = $name;
        // SAFETY: [I1] the value cannot be named any more.
        #[allow(unused_mut)]
        let mut $name = unsafe { $crate::macros::support::Pin::new_unchecked(&mut $name) };
    )*};
    ($(let $name:ident = $init:expr;)*) => {$(
        let $name = $init;
        $crate::pin!($name);
    )*};
}
