//! Which future `join!` polls first.
//!
//! All futures of a `join!` share the budget of one task. If the first were always polled first it could use it up each time, and the others would
//! starve. So the start moves on by one with each poll; with `biased;` it stays.

/// Chooses the type that counts: [`Fair`] or [`Biased`].
pub trait Rotation {
    /// Gives the first future of each poll, of `COUNT`.
    type Rotor<const COUNT: u32>: Default + Rotor;
}

/// Gives the first future of each poll.
pub trait Rotor {
    /// The index of the future to start with in this poll.
    fn first(&mut self) -> u32;
}

/// The start moves on with each poll.
#[derive(Debug)]
pub struct Fair;

/// The start is always the first future.
#[derive(Debug)]
pub struct Biased;

impl Rotation for Fair {
    type Rotor<const COUNT: u32> = Moving<COUNT>;
}

impl Rotation for Biased {
    type Rotor<const COUNT: u32> = Fixed;
}

/// The rotor of [`Fair`].
#[derive(Debug, Default)]
pub struct Moving<const COUNT: u32> {
    next: u32,
}

impl<const COUNT: u32> Rotor for Moving<COUNT> {
    #[inline]
    fn first(&mut self) -> u32 {
        let first = self.next;
        self.next = if first + 1 == COUNT { 0 } else { first + 1 };
        first
    }
}

/// The rotor of [`Biased`].
#[derive(Debug, Default)]
pub struct Fixed;

impl Rotor for Fixed {
    #[inline]
    fn first(&mut self) -> u32 {
        0
    }
}
