//! The system calls of the epoll driver. All `unsafe` of this crate is here. Invariants are those of the parent module; there is no loom model, because the
//! only memory shared with the kernel is the event buffer of whoever waits or looks.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Member;

/// An event as the kernel writes it.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Event(libc::epoll_event);

impl Event {
    pub(super) const EMPTY: Event = Event(libc::epoll_event { events: 0, u64: 0 });

    pub(super) fn data(&self) -> u64 {
        self.0.u64
    }

    pub(super) fn flags(&self) -> u32 {
        self.0.events
    }
}

/// The data word of the events of a member without a name.
pub(super) fn address(member: &Arc<Member>) -> u64 {
    address_of(Arc::as_ptr(member))
}

/// As [`address`], for a member that is in an `Arc`.
pub(super) fn address_of(member: *const Member) -> u64 {
    member.expose_provenance() as u64
}

/// The member that an event names.
pub(super) fn member(event: &Event) -> &Member {
    let address = usize::try_from(event.data()).expect("was an address when it was registered");
    // SAFETY: [I1] a data word that is of a source and no name is the address of a member that the table keeps alive during this batch.
    unsafe { &*std::ptr::with_exposed_provenance::<Member>(address) }
}

pub(super) fn create() -> io::Result<OwnedFd> {
    // SAFETY: [I4] no memory is passed; a non-negative result is a new descriptor that is ours.
    unsafe { owned(libc::epoll_create1(libc::EPOLL_CLOEXEC)) }
}

pub(super) fn event_fd() -> io::Result<OwnedFd> {
    // SAFETY: [I4] no memory is passed; a non-negative result is a new descriptor that is ours.
    unsafe { owned(libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK)) }
}

/// A descriptor that becomes readable once, `after` nanoseconds from now.
pub(super) fn timer_fd(after: u64) -> io::Result<OwnedFd> {
    // SAFETY: [I4] no memory is passed; a non-negative result is a new descriptor that is ours.
    let timer = unsafe { owned(libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK)) }?;
    // Zero would disarm it.
    let time = libc::itimerspec { it_interval: timespec(0), it_value: timespec(after.max(1)) };
    // SAFETY: [I4] the time lives during the call; the old one is not asked for.
    let result = unsafe { libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const time, std::ptr::null_mut()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(timer) }
}

fn timespec(nanos: u64) -> libc::timespec {
    let nanos = nanos.min(i64::MAX as u64);
    libc::timespec { tv_sec: (nanos / 1_000_000_000).cast_signed(), tv_nsec: (nanos % 1_000_000_000).cast_signed() }
}

/// # Safety
/// `fd` is the result of a call that returns a new descriptor or -1.
unsafe fn owned(fd: libc::c_int) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: [I4] the caller's contract.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

pub(super) fn add(epoll: &OwnedFd, fd: RawFd, flags: libc::c_int, data: u64) -> io::Result<()> {
    let mut event = libc::epoll_event { events: flags.cast_unsigned(), u64: data };
    // SAFETY: [I4] the event lives during the call.
    let result = unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

pub(super) fn remove(epoll: &OwnedFd, fd: RawFd) -> io::Result<()> {
    // SAFETY: [I4] no memory is passed.
    let result = unsafe { libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_DEL, fd, std::ptr::null_mut()) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

pub(super) fn write_event_fd(event_fd: &OwnedFd) {
    let one = 1_u64.to_ne_bytes();
    // SAFETY: [I4] the buffer lives during the call. An error can only be a counter that is full, which interrupts as well.
    let _written = unsafe { libc::write(event_fd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
}

/// Waits for events, `timeout` nanoseconds at most (`None`: for ever); returns how many were written to `events`. A signal counts as no events.
pub(super) fn wait(epoll: &OwnedFd, events: &mut [Event], timeout: Option<u64>) -> io::Result<usize> {
    static COARSE_ONLY: AtomicBool = AtomicBool::new(false);
    let exact = !matches!(timeout, None | Some(0)) && !COARSE_ONLY.load(Ordering::Relaxed);
    let result = if exact { wait_exact(epoll, events, timeout) } else { wait_coarse(epoll, events, timeout) };
    match result {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(0),
        Err(error) if exact && matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
            COARSE_ONLY.store(true, Ordering::Relaxed);
            wait(epoll, events, timeout)
        }
        result => result,
    }
}

/// By `epoll_pwait2` (Linux 5.11), which takes nanoseconds.
fn wait_exact(epoll: &OwnedFd, events: &mut [Event], timeout: Option<u64>) -> io::Result<usize> {
    let timeout = timespec(timeout.unwrap_or(0));
    // SAFETY: [I4] the buffer is the caller's and has the room that is said; the timeout lives during the call; no signal mask is passed.
    let count = unsafe {
        libc::syscall(
            libc::SYS_epoll_pwait2,
            epoll.as_raw_fd(),
            events.as_mut_ptr(),
            events.len(),
            &raw const timeout,
            std::ptr::null::<libc::sigset_t>(),
            0_usize,
        )
    };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// By `epoll_wait`, rounded up to milliseconds so that nothing is early.
fn wait_coarse(epoll: &OwnedFd, events: &mut [Event], timeout: Option<u64>) -> io::Result<usize> {
    let timeout = timeout.map_or(-1, |nanos| libc::c_int::try_from(nanos.div_ceil(1_000_000)).unwrap_or(libc::c_int::MAX));
    let room = libc::c_int::try_from(events.len()).unwrap_or(libc::c_int::MAX);
    // SAFETY: [I4] the buffer is the caller's and has the room that is said.
    let count = unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr().cast(), room, timeout) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}
