//! [`try_join!`](crate::try_join): several futures at the same time, until one fails.
//!
//! It is built as [`join!`](crate::join) is; see the essay there, also for the invariant I1 that the comments below cite.

/// Waits for several futures at the same time, until all have returned `Ok` or one has returned `Err`.
///
/// Returns `Ok` of a tuple of the values, or the first error. The error types must be the same. When one fails, the others are dropped.
///
/// All of them run in the current task, as those of [`join!`](crate::join) do, and `biased;` means the same.
///
/// # Cancel safety
///
/// If the future that contains it is dropped, all its futures are dropped.
///
/// # Examples
///
/// ```
/// async fn one() -> Result<u32, String> { Ok(1) }
/// async fn fails() -> Result<u32, String> { Err("no".into()) }
///
/// # async fn example() {
/// assert_eq!(cede::try_join!(one(), one()), Ok((1, 1)));
/// assert_eq!(cede::try_join!(one(), fails()), Err("no".into()));
/// # }
/// ```
#[macro_export]
macro_rules! try_join {
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
                        let mut future = unsafe { $crate::macros::support::Pin::new_unchecked(future) };
                        if $crate::macros::support::Future::poll(future.as_mut(), cx).is_pending() {
                            is_pending = true;
                        } else if future.as_mut().output_mut().expect("it is done").is_err() {
                            let failed = future.take_output().expect("it is done");
                            return $crate::macros::support::Poll::Ready($crate::macros::support::Result::Err(
                                failed.err().expect("it failed"),
                            ));
                        }
                    }
                )*
            }
            if is_pending {
                return $crate::macros::support::Poll::Pending;
            }
            $crate::macros::support::Poll::Ready($crate::macros::support::Result::Ok(($({
                let ($($skip,)* future, ..) = &mut *futures;
                // SAFETY: [I1] the tuple does not move.
                let future = unsafe { $crate::macros::support::Pin::new_unchecked(future) };
                #[allow(unreachable_code)]
                { future.take_output().expect("it is done").ok().expect("it did not fail") }
            },)*)))
        })
        .await
    }};

    // Collects one future.
    (@ $rotation:ident ($($total:tt)*) ($($skip:tt)*) [$($done:tt)*] $future:expr, $($rest:tt)*) => {
        $crate::try_join!(@ $rotation ($($total)* + 1) ($($skip)* _) [$($done)* ($($skip)*) ($($total)*) $future,] $($rest)*)
    };
    (@ $rotation:ident ($($total:tt)*) ($($skip:tt)*) [$($done:tt)*]) => {
        $crate::try_join!(@ $rotation ($($total)*) $($done)*)
    };

    () => { async { Ok(()) }.await };
    (biased;) => { async { Ok(()) }.await };
    (biased; $($future:expr),+ $(,)?) => { $crate::try_join!(@ Biased (0) () [] $($future,)+) };
    ($($future:expr),+ $(,)?) => { $crate::try_join!(@ Fair (0) () [] $($future,)+) };
}
