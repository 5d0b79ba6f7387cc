//! Where nobody can look into the process from outside: without the feature `inspect` there is no socket.

#![forbid(unsafe_code)]

use std::sync::Once;

use crate::error_output::say;

/// A runtime is made: says so if the environment asks for a socket.
pub(crate) fn listen_if_asked() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if std::env::var_os("CEDE_INSPECT").is_some_and(|value| !value.is_empty() && value != "0") {
            say(&"CEDE_INSPECT is set, but the program was built without the feature `inspect` of cede, or of the facade `tokio`");
        }
    });
}
