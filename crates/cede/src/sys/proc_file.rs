//! What the kernel says of this process in a file, without memory for all of it.

#![forbid(unsafe_code)]

use std::fs::File;
use std::io::Read;

/// The first bytes of the file; none if it cannot be read. One call reads it, because the kernel makes its text anew for each.
pub(crate) fn read<'a>(path: &str, buffer: &'a mut [u8]) -> &'a [u8] {
    let count = File::open(path).and_then(|mut file| file.read(buffer)).unwrap_or(0);
    &buffer[..count]
}

/// The number in decimal digits that a text begins with.
pub(crate) fn number(text: &[u8]) -> Option<u64> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(None, |number, digit| Some(number.unwrap_or(0u64).wrapping_mul(10).wrapping_add(u64::from(digit - b'0'))))
}
