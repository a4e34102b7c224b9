//! Whether the program can do its work: what each far end says of itself, read by `/readyz`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// A far end the program cannot work without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Connected and consuming.
    Broker,
    /// Reachable and set up.
    Store,
}

/// How a part stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Ready,
    /// With the reason.
    Missing(String),
}

/// The parts of the program and how they stand; clones share it.
#[derive(Debug, Clone)]
pub struct Health(Arc<Mutex<BTreeMap<Part, State>>>);

impl Health {
    /// Needs all of `parts`; none of them is ready yet. Parts that are not needed can report all the same.
    pub fn needing(parts: &[Part]) -> Self {
        let starting = |part: &Part| (*part, State::Missing("not connected yet".to_owned()));
        Self(Arc::new(Mutex::new(parts.iter().map(starting).collect())))
    }

    /// The part works.
    pub fn ready(&self, part: Part) {
        if let Some(State::Missing(_)) = self.lock().insert(part, State::Ready) {
            tracing::info!(?part, "ready");
        }
    }

    /// The part does not work, because of `reason`; may be said any number of times.
    pub fn missing(&self, part: Part, reason: impl Into<String>) {
        let reason = reason.into();
        let before = self.lock().insert(part, State::Missing(reason.clone()));
        if before == Some(State::Ready) {
            tracing::warn!(?part, reason, "not ready");
        }
    }

    /// Each part with `ok` or what is wrong with it.
    pub fn checks(&self) -> BTreeMap<Part, String> {
        let words = |state: &State| match state {
            State::Ready => "ok".to_owned(),
            State::Missing(reason) => reason.clone(),
        };
        self.lock().iter().map(|(part, state)| (*part, words(state))).collect()
    }

    /// Whether nothing is missing.
    pub fn is_ready(&self) -> bool {
        self.lock().values().all(|state| *state == State::Ready)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Part, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_is_missing_until_it_says_otherwise() {
        let health = Health::needing(&[Part::Broker, Part::Store]);
        assert!(!health.is_ready() && health.checks().len() == 2);
        health.clone().ready(Part::Broker);
        health.missing(Part::Store, "http://es answered 503");
        assert_eq!(
            serde_json::to_string(&health.checks()).unwrap(),
            r#"{"broker":"ok","store":"http://es answered 503"}"#
        );
        health.ready(Part::Store);
        assert!(health.is_ready());
        health.missing(Part::Broker, "connection lost");
        assert!(!health.is_ready() && health.checks()[&Part::Broker] == "connection lost");
    }

    #[test]
    fn a_program_that_needs_nothing_is_ready() {
        assert!(Health::needing(&[]).is_ready());
    }
}
