//! Tells when all facts that were noted before a moment are written.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

/// The notes under way, numbered in the order in which they came.
#[derive(Clone)]
pub struct Noted(Arc<Shared>);

struct Shared {
    open: Mutex<Open>,
    /// All notes below it are written.
    below: watch::Sender<u64>,
}

#[derive(Default)]
struct Open {
    next: u64,
    numbers: BTreeSet<u64>,
}

/// A note under way, until it is done; one that is dropped before was not written.
pub struct Note {
    noted: Noted,
    number: u64,
}

impl Default for Noted {
    fn default() -> Self {
        Self(Arc::new(Shared { open: Mutex::default(), below: watch::Sender::new(0) }))
    }
}

impl Noted {
    /// A note is on its way.
    pub fn begin(&self) -> Note {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let number = open.next;
        open.next += 1;
        open.numbers.insert(number);
        Note { noted: self.clone(), number }
    }

    /// Waits for the notes that are under way now.
    pub async fn written(&self) {
        let before = self.0.open.lock().unwrap_or_else(PoisonError::into_inner).next;
        let mut below = self.0.below.subscribe();
        // the sender lives as long as self
        let _ = below.wait_for(|below| *below >= before).await;
    }
}

impl Note {
    /// It is written.
    pub fn done(self) {
        let mut open = self.noted.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.numbers.remove(&self.number);
        let below = open.numbers.first().copied().unwrap_or(open.next);
        self.noted.0.below.send_if_modified(|told| std::mem::replace(told, below) != below);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_what_was_noted_before_is_waited_for() {
        let noted = Noted::default();
        noted.written().await;
        let (first, second) = (noted.begin(), noted.begin());
        second.done();
        assert!(timeout(Duration::from_secs(9), noted.written()).await.is_err());
        let waiting = tokio::spawn({
            let noted = noted.clone();
            async move { noted.written().await }
        });
        tokio::task::yield_now().await;
        let _later = noted.begin();
        first.done();
        waiting.await.unwrap();
    }
}
