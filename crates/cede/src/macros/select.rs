//! [`select!`](crate::select): the first of several futures, in one task.
//!
//! The futures are in a tuple in the frame of the caller's `async` block; nothing is allocated. `macro_rules!` cannot count, so each branch is
//! collected with a `_` for each one before it (a pattern that skips them) and with its index as a sum, `0 + 1 + 1`. Two things need a procedural
//! macro: the enum with one variant per branch, which carries the output out of the polling closure, and the pattern without `ref` and `mut`
//! which asks, before the output is moved, whether the user's pattern matches.
//!
//! A branch is *disabled* when its precondition is false, or when it completed with an output that its pattern does not match. The enum is
//! in a module of its own, because a type declared in a block would be named with the user's names in sight.
//!
//! Invariant I1: the tuple `futures` is shadowed by a reference to it right away, so it is never moved, and its fields are never handed out but as
//! `Pin<&mut _>`.

/// Waits for several futures at the same time, until the first completes; then runs that branch's handler and drops the other futures.
///
/// ```text
/// select! {
///     biased;                                            // optional
///     <pattern> = <future> (, if <precondition>)? => <handler>,
///     …                                                  // up to 64 branches
///     else => <handler>,                                 // optional
/// }
/// ```
///
/// 1. All preconditions are evaluated. A branch whose precondition is false is disabled.
/// 2. All future expressions are evaluated, those of disabled branches too; but their futures are not polled.
/// 3. The futures that are not disabled are polled. When one completes with an output that its pattern matches, the macro returns what that handler
///    returns. If the pattern does not match, the branch is disabled.
/// 4. When all are disabled, the `else` handler runs.
///
/// The futures run in the current task: while a handler or one future's poll runs, the others do not. The handlers may use `.await`, `?`, `return`,
/// `break` and so on.
///
/// Each poll starts with a random branch, so that a branch that is always ready does not starve the others. With `biased;` the order is the written
/// one. Then fairness is the caller's matter: put the branches that complete seldom first.
///
/// # Panics
///
/// If all branches are disabled and there is no `else`.
///
/// # Cancel safety
///
/// The futures that did not complete are dropped. In a loop, use futures that lose nothing by that (the section *Cancel safety* of each function says
/// it), or make the future once outside the loop, pin it, and give `&mut future`.
///
/// # Examples
///
/// ```
/// async fn one() -> u32 { 1 }
/// async fn none() -> Option<u32> { None }
///
/// # async fn example() {
/// let value = cede::select! {
///     Some(value) = none() => value,
///     value = one(), if 2 > 1 => value,
///     else => 0,
/// };
/// assert_eq!(value, 1);
/// # }
/// ```
#[macro_export]
macro_rules! select {
    // Everything is collected.
    (@ $start:ident ($($all:tt)*) ($($total:tt)*)
        [$(($($skip:tt)*) ($($index:tt)*) $pattern:pat = $future:expr, if ($($condition:expr)?) => $handler:expr,)+] else $else:expr
    ) => {{
        #[doc(hidden)]
        mod __cede_select {
            $crate::macros::support::select_priv_declare_output_enum!(($($all)*));
        }

        // One bit per branch.
        let mut disabled: __cede_select::Mask = 0;
        $(
            if false $(|| !$condition)? {
                disabled |= 1 << ($($index)*);
            }
        )+

        // A pattern may bind by `ref mut`.
        #[allow(unused_mut)]
        let mut output = {
            // Two steps, because in the first a temporary that a branch borrows lives as long as the tuple.
            let futures = ($($future,)+);
            let mut futures = ($({
                let ($($skip,)* future, ..) = futures;
                $crate::macros::support::IntoFuture::into_future(future)
            },)+);
            let futures = &mut futures;

            $crate::macros::support::poll_fn(|cx| {
                $crate::macros::support::ready!($crate::macros::support::poll_budget_available(cx));

                const BRANCHES: u32 = $($total)*;
                let mut is_pending = false;
                let start = $crate::macros::support::$start(BRANCHES);
                for branch in (start..BRANCHES).chain(0..start) {
                    $(
                        if branch == $($index)* {
                            if disabled & (1 << branch) != 0 {
                                continue;
                            }
                            let ($($skip,)* future, ..) = &mut *futures;
                            // SAFETY: [I1] the tuple does not move.
                            let future = unsafe { $crate::macros::support::Pin::new_unchecked(future) };
                            let output = match $crate::macros::support::Future::poll(future, cx) {
                                $crate::macros::support::Poll::Ready(output) => output,
                                $crate::macros::support::Poll::Pending => {
                                    is_pending = true;
                                    continue;
                                }
                            };
                            // It must not be polled again, whatever comes of it.
                            disabled |= 1 << branch;
                            #[allow(unused_variables, unreachable_code)]
                            match &output {
                                $crate::macros::support::select_priv_clean_pattern!($pattern) => {}
                                #[allow(unreachable_patterns)]
                                _ => continue,
                            }
                            #[allow(unreachable_code)]
                            return $crate::macros::support::Poll::Ready(
                                $crate::macros::support::select_priv_variant!(__cede_select::Out ($($skip)*) (output))
                            );
                        }
                    )+
                }
                if is_pending {
                    $crate::macros::support::Poll::Pending
                } else {
                    $crate::macros::support::Poll::Ready(__cede_select::Out::Disabled)
                }
            })
            .await
        };

        match output {
            $($crate::macros::support::select_priv_variant!(__cede_select::Out ($($skip)*) ($pattern)) => $handler,)+
            __cede_select::Out::Disabled => $else,
            #[allow(unreachable_patterns)]
            _ => unreachable!("the pattern matched before"),
        }
    }};

    // No branch is left to collect.
    (@ $start:ident ($($all:tt)*) ($($total:tt)*) [$($done:tt)*]) => {
        $crate::select!(@ $start ($($all)*) ($($total)*) [$($done)*] else panic!("all branches are disabled and there is no else branch"))
    };
    (@ $start:ident ($($all:tt)*) ($($total:tt)*) [$($done:tt)*] else => $else:expr $(,)?) => {
        $crate::select!(@ $start ($($all)*) ($($total)*) [$($done)*] else $else)
    };

    // Collects one branch. Its handler is a block, after which a comma is optional, or an expression.
    (@ $start:ident ($($all:tt)*) ($($total:tt)*) [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block, $($rest:tt)*
    ) => {
        $crate::select!(@ $start ($($all)* _) ($($total)* + 1)
            [$($done)* ($($all)*) ($($total)*) $pattern = $future, if ($($condition)?) => $handler,] $($rest)*)
    };
    (@ $start:ident ($($all:tt)*) ($($total:tt)*) [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:block $($rest:tt)*
    ) => {
        $crate::select!(@ $start ($($all)* _) ($($total)* + 1)
            [$($done)* ($($all)*) ($($total)*) $pattern = $future, if ($($condition)?) => $handler,] $($rest)*)
    };
    (@ $start:ident ($($all:tt)*) ($($total:tt)*) [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr
    ) => {
        $crate::select!(@ $start ($($all)* _) ($($total)* + 1)
            [$($done)* ($($all)*) ($($total)*) $pattern = $future, if ($($condition)?) => $handler,])
    };
    (@ $start:ident ($($all:tt)*) ($($total:tt)*) [$($done:tt)*]
        $pattern:pat = $future:expr $(, if $condition:expr)? => $handler:expr, $($rest:tt)*
    ) => {
        $crate::select!(@ $start ($($all)* _) ($($total)* + 1)
            [$($done)* ($($all)*) ($($total)*) $pattern = $future, if ($($condition)?) => $handler,] $($rest)*)
    };

    // The start.
    (biased; else => $else:expr $(,)?) => {{ $else }};
    (else => $else:expr $(,)?) => {{ $else }};
    (biased; $pattern:pat = $($rest:tt)*) => { $crate::select!(@ first_branch () (0) [] $pattern = $($rest)*) };
    ($pattern:pat = $($rest:tt)*) => { $crate::select!(@ thread_rng_n () (0) [] $pattern = $($rest)*) };
    () => { compile_error!("`select!` needs at least one branch") };
}
