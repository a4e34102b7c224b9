//! How often calls were made again, and why.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why a call is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// It failed, and counts as an attempt.
    Failed,
    /// The provider was asked too fast.
    Throttled,
    /// The provider was not reached.
    Unreachable,
    /// The form of answer was refused: a weaker one is asked for.
    Form,
}

impl Retry {
    /// All reasons.
    pub const ALL: [Self; 4] = [Self::Failed, Self::Throttled, Self::Unreachable, Self::Form];

    /// The reason as one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Throttled => "throttled",
            Self::Unreachable => "unreachable",
            Self::Form => "form",
        }
    }
}

/// Counts by reason, in the order of [`Retry::ALL`].
#[derive(Debug, Default)]
pub struct Retries([AtomicU64; Retry::ALL.len()]);

impl Retries {
    /// Counts one.
    pub fn count(&self, reason: Retry) {
        self.0[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// The counts so far.
    pub fn all(&self) -> [u64; Retry::ALL.len()] {
        self.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}
