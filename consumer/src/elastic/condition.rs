//! What is wrong with the record store at the moment: said once when it begins and once when it is over.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::health::{Health, Part};
use crate::monitoring::Metrics;

/// Kinds of trouble; several may be there at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// It cannot be reached, or has no room for anything.
    Outage,
    /// An answer takes long.
    Slow,
    /// The indexes were not made yet.
    Unprepared,
    /// Documents that it cannot write now.
    Writes,
    /// Documents that it cannot read now.
    Reads,
}

/// The troubles of one store; clones share them.
#[derive(Clone)]
pub struct Condition(Arc<Shared>);

struct Shared {
    health: Health,
    metrics: Metrics,
    troubles: Mutex<BTreeMap<Trouble, Running>>,
}

struct Running {
    complaints: usize,
    reason: String,
    since: Instant,
}

/// The trouble lasts as long as somebody holds one of these.
pub struct Complaint {
    condition: Condition,
    trouble: Trouble,
}

impl Condition {
    /// Reports to `health`, and counts outages in `metrics`.
    pub fn new(health: Health, metrics: Metrics) -> Self {
        Self(Arc::new(Shared { health, metrics, troubles: Mutex::default() }))
    }

    /// There is trouble.
    pub fn complain(&self, trouble: Trouble, reason: &str) -> Complaint {
        let mut troubles = self.lock();
        let running = troubles.entry(trouble).or_insert_with(|| {
            tracing::warn!(?trouble, reason, "the record store makes us wait");
            Running { complaints: 0, reason: reason.to_owned(), since: Instant::now() }
        });
        running.complaints += 1;
        self.report(&troubles);
        Complaint { condition: self.clone(), trouble }
    }

    /// Says how it is, for the case that there never was any trouble.
    pub fn tell(&self) {
        self.report(&self.lock());
    }

    fn end(&self, trouble: Trouble) {
        let mut troubles = self.lock();
        let Some(running) = troubles.get_mut(&trouble) else { return };
        running.complaints -= 1;
        if running.complaints > 0 {
            return;
        }
        let seconds = running.since.elapsed().as_secs_f64();
        troubles.remove(&trouble);
        if trouble == Trouble::Outage {
            self.0.metrics.reconnected(Part::Store);
        }
        tracing::info!(?trouble, seconds, "the record store goes on");
        self.report(&troubles);
    }

    /// Under the lock, so that two reports cannot overtake each other.
    fn report(&self, troubles: &BTreeMap<Trouble, Running>) {
        match troubles.values().next() {
            None => self.0.health.ready(Part::Store),
            Some(running) => self.0.health.missing(Part::Store, running.reason.clone()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Trouble, Running>> {
        self.0.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Complaint {
    fn drop(&mut self) {
        self.condition.end(self.trouble);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_ready_again_when_the_last_trouble_is_over() {
        let health = Health::needing(&[Part::Store]);
        let condition = Condition::new(health.clone(), crate::testing::metrics());
        let first = condition.complain(Trouble::Writes, "no room");
        let second = condition.complain(Trouble::Writes, "no room");
        let outage = condition.complain(Trouble::Outage, "connection refused");
        assert_eq!(health.checks()[&Part::Store], "connection refused");
        drop(outage);
        assert_eq!(health.checks()[&Part::Store], "no room");
        drop(first);
        assert!(!health.is_ready());
        drop(second);
        assert!(health.is_ready());
    }
}
