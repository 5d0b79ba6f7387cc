//! Placeholder; being written.

/// Threads for code that blocks.
pub mod blocking {
    pub mod pool;
}
