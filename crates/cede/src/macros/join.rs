//! [`join!`](crate::join): several futures at the same time, in one task.
//!
//! The futures are in a tuple in the frame of the caller's `async` block; nothing is allocated. `macro_rules!` cannot count, so each future is
//! collected with a `_` for each one before it (a pattern that skips them) and with its index as a sum, `0 + 1 + 1`.
//!
//! Invariant I1: the tuple `futures` is shadowed by a reference to it right away, so it is never moved, and its fields are never handed out but as
//! `Pin<&mut _>`.

/// Waits for several futures at the same time and returns a tuple of their outputs.
///
/// All of them run in the current task: they take turns and do not run in parallel. To have that, [`spawn`] them and join the handles. When
/// one of them may fail, see [`try_join!`](crate::try_join).
///
/// Each poll starts with another future, so that none uses up the task's budget each time. With `biased;` in front, the order is always the
/// written one.
///
/// [`spawn`]: https://docs.rs/cede
///
/// # Cancel safety
///
/// If the future that contains it is dropped, all its futures are dropped.
///
/// # Examples
///
/// ```
/// async fn one() -> u32 { 1 }
/// async fn two() -> &'static str { "two" }
///
/// # async fn example() {
/// let (one, two) = cede::join!(one(), two());
/// assert_eq!((one, two), (1, "two"));
/// # }
/// ```
#[macro_export]
macro_rules! join {
    // Everything is collected.
    (@ $rotation:ident ($($total:tt)*) $(($($skip:tt)*) ($($index:tt)*) $future:expr,)*) => {{
        let mut futures = ($($crate::macros::support::maybe_done($future),)*);
        let futures = &mut futures;
        let mut rotor =
            <$crate::macros::support::$rotation as $crate::macros::support::Rotation>::Rotor::<{ $($total)* }>::default();
        $crate::macros::support::poll_fn(move |cx| {
            let mut is_pending = false;
            let first = $crate::macros::support::Rotor::first(&mut rotor);
            // From the first to the last, then those before the first.
            for from_first in [true, false] {
                $(
                    if (first <= $($index)*) == from_first {
                        let ($($skip,)* future, ..) = &mut *futures;
                        // SAFETY: [I1] the tuple does not move.
                        let future = unsafe { $crate::macros::support::Pin::new_unchecked(future) };
                        is_pending |= $crate::macros::support::Future::poll(future, cx).is_pending();
                    }
                )*
            }
            if is_pending {
                return $crate::macros::support::Poll::Pending;
            }
            $crate::macros::support::Poll::Ready(($({
                let ($($skip,)* future, ..) = &mut *futures;
                // SAFETY: [I1] the tuple does not move.
                let future = unsafe { $crate::macros::support::Pin::new_unchecked(future) };
                #[allow(unreachable_code)]
                { future.take_output().expect("it is done") }
            },)*))
        })
        .await
    }};

    // Collects one future.
    (@ $rotation:ident ($($total:tt)*) ($($skip:tt)*) [$($done:tt)*] $future:expr, $($rest:tt)*) => {
        $crate::join!(@ $rotation ($($total)* + 1) ($($skip)* _) [$($done)* ($($skip)*) ($($total)*) $future,] $($rest)*)
    };
    (@ $rotation:ident ($($total:tt)*) ($($skip:tt)*) [$($done:tt)*]) => {
        $crate::join!(@ $rotation ($($total)*) $($done)*)
    };

    () => { async {}.await };
    (biased;) => { async {}.await };
    (biased; $($future:expr),+ $(,)?) => { $crate::join!(@ Biased (0) () [] $($future,)+) };
    ($($future:expr),+ $(,)?) => { $crate::join!(@ Fair (0) () [] $($future,)+) };
}
