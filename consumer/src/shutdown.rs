//! How the program ends: draining lets calls in flight end, aborting lets nothing.

use std::sync::Arc;

use tokio::sync::watch;

/// How far the end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    Running,
    /// Nothing new is read and no call is made; calls in flight end.
    Draining,
    /// Stop at once.
    Aborted,
}

/// Tells all parts of the program that it ends.
#[derive(Clone)]
pub struct Shutdown(Arc<watch::Sender<Phase>>);

impl Default for Shutdown {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Running)))
    }
}

impl Shutdown {
    /// Starts draining.
    pub fn drain(&self) {
        self.raise(Phase::Draining);
    }

    /// Stops at once.
    pub fn abort(&self) {
        self.raise(Phase::Aborted);
    }

    /// How far it has come.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Waits for draining or more.
    pub async fn draining(&self) {
        self.reached(Phase::Draining).await;
    }

    /// Waits for the abort.
    pub async fn aborted(&self) {
        self.reached(Phase::Aborted).await;
    }

    fn raise(&self, phase: Phase) {
        self.0.send_if_modified(|current| {
            let later = phase > *current;
            if later {
                *current = phase;
            }
            later
        });
    }

    async fn reached(&self, phase: Phase) {
        let mut receiver = self.0.subscribe();
        // the sender lives as long as self
        let _ = receiver.wait_for(|current| *current >= phase).await;
    }
}
