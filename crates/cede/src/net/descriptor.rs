//! What every socket type has: conversions from and to the standard library's type and its descriptor, and `Debug`.

/// `TryFrom`, `AsRawFd`, `AsFd` and `Debug` for a type with a `Pollable` named `io` and a function `from_std`.
macro_rules! descriptor {
    ($socket:ident, $std:ty) => {
        impl TryFrom<$std> for $socket {
            type Error = std::io::Error;

            /// As `from_std`.
            #[inline]
            fn try_from(socket: $std) -> std::io::Result<Self> {
                Self::from_std(socket)
            }
        }

        impl std::os::fd::AsRawFd for $socket {
            #[inline]
            fn as_raw_fd(&self) -> std::os::fd::RawFd {
                self.io.as_raw_fd()
            }
        }

        impl std::os::fd::AsFd for $socket {
            #[inline]
            fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
                self.io.as_fd()
            }
        }

        impl std::fmt::Debug for $socket {
            #[inline]
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.io.fmt(f)
            }
        }
    };
}

pub(super) use descriptor;
