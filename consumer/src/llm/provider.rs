//! What is shared by all calls to one address, and to one model there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::backoff::Backoff;
use super::breaker::Breaker;
use super::budget::{Budget, BudgetSettings};
use super::client;
use super::forms::Forms;
use super::limiter::Limiter;

/// When calls may be made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CallSettings {
    /// Ceiling of calls in flight to one model at one address.
    pub concurrency: usize,
    pub backoff: Backoff,
    pub budget: BudgetSettings,
    /// How long an address may be unreachable before its jobs are blocked.
    pub patience: Duration,
}

/// One model at one address.
#[derive(Clone)]
pub struct Line {
    pub limiter: Arc<Limiter>,
    pub forms: Arc<Forms>,
    pub address: Arc<client::Address>,
    /// Of the address, shared by its models.
    pub breaker: Arc<Breaker>,
    pub budget: Arc<Budget>,
}

/// What all models at one address share.
struct Address {
    breaker: Arc<Breaker>,
    budget: Arc<Budget>,
}

/// All addresses and models met so far.
pub struct Providers {
    settings: CallSettings,
    addresses: Mutex<HashMap<String, Address>>,
    lines: Mutex<HashMap<(String, String), Line>>,
}

impl Providers {
    /// No address met yet.
    pub fn new(settings: CallSettings) -> Self {
        Self { settings, addresses: Mutex::default(), lines: Mutex::default() }
    }

    /// How waits are chosen.
    pub fn backoff(&self) -> Backoff {
        self.settings.backoff
    }

    /// How long an address may be unreachable.
    pub fn patience(&self) -> Duration {
        self.settings.patience
    }

    /// The line to `route` at `base_url`.
    pub fn line(&self, base_url: &str, route: &str) -> Line {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (base_url.to_owned(), route.to_owned());
        lines.entry(key).or_insert_with(|| self.open(base_url)).clone()
    }

    fn open(&self, base_url: &str) -> Line {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let address = addresses.entry(base_url.to_owned()).or_insert_with(|| Address {
            breaker: Breaker::new(self.settings.patience),
            budget: Arc::new(Budget::new(self.settings.budget)),
        });
        Line {
            limiter: Limiter::new(self.settings.concurrency, self.settings.backoff),
            forms: Arc::default(),
            address: Arc::new(client::Address::of(base_url)),
            breaker: Arc::clone(&address.breaker),
            budget: Arc::clone(&address.budget),
        }
    }
}
