//! Values that go with a task instead of a thread.
//!
//! A key is a thread-local place. A [`TaskLocalFuture`] owns a value; it puts it into the place while its future is polled or dropped and takes it back afterwards, so the value moves from
//! thread to thread with the task. Scopes nest: what was in the place before comes back.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::marker::PhantomPinned;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

/// Declares values that go with a task: statics of type [`LocalKey`](crate::task::LocalKey).
///
/// ```
/// cede::task_local! {
///     static REQUEST: u32;
/// }
///
/// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// async fn log() -> String {
///     format!("request {}", REQUEST.get())
/// }
/// assert_eq!(REQUEST.scope(7, log()).await, "request 7");
/// # });
/// ```
#[macro_export]
macro_rules! task_local {
    () => {};
    ($(#[$attr:meta])* $vis:vis static $name:ident: $type:ty; $($rest:tt)*) => {
        $crate::task_local!($(#[$attr])* $vis static $name: $type);
        $crate::task_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $type:ty) => {
        $(#[$attr])*
        $vis static $name: $crate::task::LocalKey<$type> = {
            ::std::thread_local! {
                static PLACE: ::std::cell::RefCell<::std::option::Option<$type>> = const { ::std::cell::RefCell::new(::std::option::Option::None) };
            }
            $crate::task::LocalKey { inner: PLACE }
        };
    };
}

/// A value that goes with a task; declared by [`task_local!`](crate::task_local).
///
/// It is set for a future by [`LocalKey::scope`]. Tasks that the future spawns do not inherit it, but see [`TaskGroup`](crate::group::TaskGroup).
///
/// ```
/// cede::task_local! { static USER: String; }
///
/// # cede::block_on(async {
/// let named = USER.scope("ada".to_owned(), async { USER.with(|user| user.len()) });
/// assert_eq!(named.await, 3);
/// assert!(USER.try_with(|_| ()).is_err(), "it is set nowhere else");
/// # });
/// ```
pub struct LocalKey<T: 'static> {
    #[doc(hidden)]
    pub inner: thread::LocalKey<RefCell<Option<T>>>,
}

impl<T: 'static> LocalKey<T> {
    /// Sets the value while `future` is polled, and while it is dropped.
    pub fn scope<F>(&'static self, value: T, future: F) -> TaskLocalFuture<T, F>
    where
        F: Future,
    {
        TaskLocalFuture { key: self, value: Some(value), future: Some(future), pinned: PhantomPinned }
    }

    /// Sets the value while `code` runs.
    ///
    /// # Panics
    /// If it is called inside of [`LocalKey::with`] of the same key, or while the thread is being torn down.
    #[track_caller]
    pub fn sync_scope<F, R>(&'static self, value: T, code: F) -> R
    where
        F: FnOnce() -> R,
    {
        match self.swapped_in(&mut Some(value), code) {
            Ok(result) => result,
            Err(refused) => refused.panic(),
        }
    }

    /// Runs `code` with the value of `outside` in the place, and swaps back.
    fn swapped_in<R>(&'static self, outside: &mut Option<T>, code: impl FnOnce() -> R) -> Result<R, Refused> {
        self.swap(outside)?;
        let _back = SwapBack { key: self, outside };
        Ok(code())
    }

    fn swap(&'static self, outside: &mut Option<T>) -> Result<(), Refused> {
        let swapped = self.inner.try_with(|place| match place.try_borrow_mut() {
            Ok(mut inside) => {
                std::mem::swap(&mut *inside, outside);
                Ok(())
            }
            Err(_) => Err(Refused::Borrowed),
        });
        swapped.unwrap_or(Err(Refused::Gone))
    }

    /// Calls `code` with the value.
    ///
    /// # Panics
    /// If no value is set.
    #[track_caller]
    pub fn with<F, R>(&'static self, code: F) -> R
    where
        F: FnOnce(&T) -> R,
    {
        match self.try_with(code) {
            Ok(result) => result,
            Err(_) => panic!("cannot access a task-local storage value without setting it first"),
        }
    }

    /// Calls `code` with the value.
    ///
    /// # Errors
    /// If no value is set.
    pub fn try_with<F, R>(&'static self, code: F) -> Result<R, AccessError>
    where
        F: FnOnce(&T) -> R,
    {
        let found = self.inner.try_with(|place| place.borrow().as_ref().map(code));
        found.ok().flatten().ok_or(AccessError { _private: () })
    }
}

impl<T: Clone + 'static> LocalKey<T> {
    /// A clone of the value.
    ///
    /// # Panics
    /// If no value is set.
    #[track_caller]
    pub fn get(&'static self) -> T {
        self.with(Clone::clone)
    }

    /// A clone of the value.
    ///
    /// # Errors
    /// If no value is set.
    pub fn try_get(&'static self) -> Result<T, AccessError> {
        self.try_with(Clone::clone)
    }
}

impl<T: 'static> fmt::Debug for LocalKey<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("LocalKey { .. }")
    }
}

struct SwapBack<'a, T: 'static> {
    key: &'static LocalKey<T>,
    outside: &'a mut Option<T>,
}

impl<T: 'static> Drop for SwapBack<'_, T> {
    fn drop(&mut self) {
        // It cannot be refused: borrows end before the code that was run does, and the place was there at its beginning.
        let _swapped = self.key.swap(self.outside);
    }
}

/// Why a value could not be put into its place.
enum Refused {
    Borrowed,
    Gone,
}

impl Refused {
    #[track_caller]
    fn panic(&self) -> ! {
        match self {
            Self::Borrowed => panic!("cannot enter a task-local scope while the task-local storage is borrowed"),
            Self::Gone => panic!("cannot enter a task-local scope during or after destruction of the underlying thread-local"),
        }
    }
}

pin_project! {
    /// A future with a value set; made by [`LocalKey::scope`].
    ///
    /// The future is dropped as soon as it is ready, while the value is set.
    pub struct TaskLocalFuture<T, F>
    where
        T: 'static,
    {
        key: &'static LocalKey<T>,
        value: Option<T>,
        #[pin]
        future: Option<F>,
        #[pin]
        pinned: PhantomPinned,
    }

    impl<T: 'static, F> PinnedDrop for TaskLocalFuture<T, F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if std::mem::needs_drop::<F>() && this.future.is_some() {
                // If the value cannot be set any more, the future is dropped without it.
                let _set = this.key.swapped_in(this.value, || this.future.set(None));
            }
        }
    }
}

impl<T, F> TaskLocalFuture<T, F>
where
    T: 'static,
{
    /// Takes the value out; `None` if it was taken before. A future that is polled after that finds no value.
    ///
    /// ```
    /// cede::task_local! { static NAME: String; }
    /// # cede::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let mut future = Box::pin(NAME.scope("a".to_owned(), async { NAME.with(String::len) }));
    /// assert_eq!(future.as_mut().await, 1);
    /// assert_eq!(future.as_mut().take_value().as_deref(), Some("a"));
    /// # });
    /// ```
    pub fn take_value(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

impl<T: 'static, F: Future> Future for TaskLocalFuture<T, F> {
    type Output = F::Output;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut future = this.future;
        let polled = this.key.swapped_in(this.value, || {
            let polled = future.as_mut().as_pin_mut()?.poll(cx);
            if polled.is_ready() {
                future.set(None);
            }
            Some(polled)
        });
        match polled {
            Ok(Some(polled)) => polled,
            Ok(None) => panic!("`TaskLocalFuture` polled after completion"),
            Err(refused) => refused.panic(),
        }
    }
}

impl<T: 'static + fmt::Debug, F> fmt::Debug for TaskLocalFuture<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TaskLocalFuture");
        match &self.value {
            Some(value) => debug.field("value", value),
            None => debug.field("value", &format_args!("<missing>")),
        };
        debug.finish()
    }
}

/// No value is set for a [`LocalKey`].
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct AccessError {
    _private: (),
}

impl fmt::Debug for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessError").finish()
    }
}

impl fmt::Display for AccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad("task-local value not set")
    }
}

impl Error for AccessError {}
