//! What is shared by all calls to one address, and to one model there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::backoff::Backoff;
use super::breaker::{Breaker, Standing};
use super::budget::{Budget, BudgetSettings};
use super::client;
use super::forms::Forms;
use super::limiter::Limiter;
use super::pace::Pace;
use super::rates::{Estimate, Rates, Shape};
use super::retries::{Retries, Retry};
use super::shelf::{Held, Shelf};
use super::turn::Waiting;
use crate::contract::{ModelLimits, RequestModel};
use crate::text;

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

impl Default for CallSettings {
    fn default() -> Self {
        Self {
            concurrency: 64,
            backoff: Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(30) },
            budget: BudgetSettings { ratio: 0.1, per_second: 3.0 },
            patience: Duration::from_secs(30),
        }
    }
}

/// One model at one address.
#[derive(Clone)]
pub struct Line {
    pub limiter: Arc<Limiter>,
    pub forms: Arc<Forms>,
    pub retries: Arc<Retries>,
    pub pace: Arc<Pace>,
    pub waiting: Arc<Waiting>,
    /// Of the recipes that declare the same limits for the same key; none when none are declared.
    pub rates: Option<Arc<Rates>>,
    /// What calls take, for jobs with a budget.
    pub estimate: Arc<Mutex<Estimate>>,
    pub address: Arc<client::Address>,
    /// Of the address, shared by its models.
    pub breaker: Arc<Breaker>,
    pub budget: Arc<Budget>,
}

impl Line {
    /// Input and output tokens that a call of this shape should take at most.
    pub fn expected(&self, shape: &Shape) -> (u64, u64) {
        self.estimate.lock().unwrap_or_else(PoisonError::into_inner).most(shape)
    }

    /// Learns what a call of this shape took; an answer that does not say teaches nothing.
    pub fn learn(&self, shape: &Shape, (input, output): (u64, u64)) {
        if input > 0 || output > 0 {
            self.estimate.lock().unwrap_or_else(PoisonError::into_inner).learn(shape, input, output);
        }
    }
}

/// A line as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineState {
    pub route: String,
    /// Calls that may be in flight, and those that are.
    pub limit: usize,
    pub in_flight: usize,
    /// Calls that wait for leave to go out.
    pub waiting: usize,
    /// The longest distance that calls keep because the provider told that little is left.
    pub pace: Duration,
    /// Calls made again, in the order of [`Retry::ALL`].
    pub retries: [u64; Retry::ALL.len()],
}

impl LineState {
    /// Adds another line of the same model.
    pub fn add(&mut self, other: &Self) {
        self.limit += other.limit;
        self.in_flight += other.in_flight;
        self.waiting += other.waiting;
        self.pace = self.pace.max(other.pace);
        for (count, more) in self.retries.iter_mut().zip(other.retries) {
            *count += more;
        }
    }
}

/// What all models at one address share.
struct Address {
    breaker: Arc<Breaker>,
    budget: Arc<Budget>,
}

/// Whose limits they are: two keys are two accounts.
#[derive(PartialEq, Eq, Hash)]
struct Declared {
    base_url: String,
    route: String,
    key: Option<String>,
    limits: ModelLimits,
}

impl Held for Line {
    /// A request holds its line from its first call to its last.
    fn held(&self) -> bool {
        self.limiter.held()
    }
}

impl Held for Address {
    /// Its lines hold it, those on the shelf as well.
    fn held(&self) -> bool {
        self.breaker.held()
    }
}

/// Counts of lines that were forgotten: a counter must not fall.
#[derive(Default)]
struct Past(HashMap<String, [u64; Retry::ALL.len()]>);

impl Past {
    /// Models that keep a name of their own, as in metrics; the others share one.
    const MOST: usize = 100;
    const OTHERS: &str = "other";

    fn add(&mut self, route: String, counts: [u64; Retry::ALL.len()]) {
        if counts.iter().all(|count| *count == 0) {
            return;
        }
        let named = self.0.contains_key(&route) || self.0.len() < Self::MOST;
        let sums = self.0.entry(if named { route } else { Self::OTHERS.to_owned() }).or_default();
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += count;
        }
    }
}

/// All addresses and models met lately.
pub struct Providers {
    settings: CallSettings,
    addresses: Mutex<Shelf<String, Address>>,
    lines: Mutex<Shelf<(String, String), Line>>,
    rates: Mutex<Shelf<Declared, Arc<Rates>>>,
    past: Mutex<Past>,
}

impl Providers {
    /// No address met yet.
    pub fn new(settings: CallSettings) -> Arc<Self> {
        Arc::new(Self {
            settings,
            addresses: Mutex::default(),
            lines: Mutex::default(),
            rates: Mutex::default(),
            past: Mutex::default(),
        })
    }

    /// All lines as they are now, and the counts of those that are no more.
    pub fn lines(&self) -> Vec<LineState> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let state = |((_, route), line): (&(String, String), &Line)| LineState {
            route: route.clone(),
            limit: line.limiter.limit(),
            in_flight: line.limiter.in_flight(),
            waiting: line.waiting.count(),
            pace: line.pace.gap(),
            retries: line.retries.all(),
        };
        let gone = past.0.iter().map(|(route, retries)| LineState {
            route: route.clone(),
            limit: 0,
            in_flight: 0,
            waiting: 0,
            pace: Duration::ZERO,
            retries: *retries,
        });
        lines.iter().map(state).chain(gone).collect()
    }

    /// The breaker of each address, without what may be a secret in it.
    pub fn breakers(&self) -> Vec<(String, Standing)> {
        let addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = addresses
            .iter()
            .map(|(url, address)| (text::without_user(url), address.breaker.standing()))
            .collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        all.dedup_by(|a, b| a.0 == b.0);
        all
    }

    /// How waits are chosen.
    pub fn backoff(&self) -> Backoff {
        self.settings.backoff
    }

    /// How long an address may be unreachable.
    pub fn patience(&self) -> Duration {
        self.settings.patience
    }

    /// The line to `model`, which is called at `base_url`.
    pub fn line(&self, base_url: &str, model: &RequestModel) -> Line {
        let key = (base_url.to_owned(), model.route.clone());
        let rates = model.limits.map(|limits| self.rates(&key, model, limits));
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let line = Line { rates, ..lines.take(key, || self.open(base_url)).clone() };
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        for ((_, route), line) in lines.forgotten() {
            past.add(route, line.retries.all());
        }
        line
    }

    fn rates(
        &self,
        (base_url, route): &(String, String),
        model: &RequestModel,
        limits: ModelLimits,
    ) -> Arc<Rates> {
        let mut all = self.rates.lock().unwrap_or_else(PoisonError::into_inner);
        let key = model.api_key_env.clone();
        let declared = Declared { base_url: base_url.clone(), route: route.clone(), key, limits };
        let rates = Arc::clone(all.take(declared, || Rates::new(&limits)));
        all.forgotten();
        rates
    }

    fn open(&self, base_url: &str) -> Line {
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        addresses.forgotten();
        let address = addresses.take(base_url.to_owned(), || Address {
            breaker: Breaker::new(self.settings.patience),
            budget: Arc::new(Budget::new(self.settings.budget)),
        });
        Line {
            limiter: Limiter::new(self.settings.concurrency, self.settings.backoff),
            forms: Arc::default(),
            retries: Arc::default(),
            pace: Arc::default(),
            waiting: Arc::default(),
            rates: None,
            estimate: Arc::default(),
            address: Arc::new(client::Address::of(base_url)),
            breaker: Arc::clone(&address.breaker),
            budget: Arc::clone(&address.budget),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn model(route: &str) -> RequestModel {
        let limits = json!({"requests_per_minute": 60});
        serde_json::from_value(json!({"route": route, "limits": limits})).expect("a model")
    }

    fn counts(providers: &Providers) -> (usize, usize, usize) {
        let count = |lines: &Shelf<_, Line>| lines.iter().count();
        (
            count(&providers.lines.lock().expect("lines")),
            providers.addresses.lock().expect("addresses").iter().count(),
            providers.rates.lock().expect("rates").iter().count(),
        )
    }

    #[tokio::test(start_paused = true)]
    async fn models_that_nobody_calls_any_more_are_forgotten_with_all_that_belongs_to_them() {
        let providers = Providers::new(CallSettings::default());
        for number in 0..50 {
            providers.line(&format!("http://tenant-{number}/v1"), &model("m"));
        }
        assert_eq!(counts(&providers), (50, 50, 50));
        for number in 0..3 {
            tokio::time::advance(DAY).await;
            providers.line("http://here/v1", &model(&format!("m-{number}")));
        }
        assert_eq!(counts(&providers), (1, 1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_with_a_call_in_flight_keeps_what_it_has_learnt() {
        let providers = Providers::new(CallSettings::default());
        let slow = providers.line("http://slow/v1", &model("m"));
        let permit = slow.limiter.acquire().await;
        slow.limiter.throttled(&permit, None);
        let (limit, limiter) = (slow.limiter.limit(), Arc::downgrade(&slow.limiter));
        drop(slow);
        tokio::time::advance(DAY).await;
        providers.line("http://here/v1", &model("m"));
        assert_eq!(providers.line("http://slow/v1", &model("m")).limiter.limit(), limit);
        drop(permit);
        tokio::time::advance(DAY).await;
        providers.line("http://here/v1", &model("m"));
        assert!(limiter.upgrade().is_none(), "it is kept though nobody uses it");
    }

    #[tokio::test(start_paused = true)]
    async fn the_counts_of_a_line_outlive_it() {
        let providers = Providers::new(CallSettings::default());
        providers.line("http://once/v1", &model("m")).retries.count(Retry::Failed);
        let failed =
            || providers.lines().iter().map(|line| line.retries[Retry::Failed as usize]).sum::<u64>();
        for _ in 0..3 {
            tokio::time::advance(DAY).await;
            providers.line("http://here/v1", &model("m")).retries.count(Retry::Failed);
        }
        assert_eq!(failed(), 4);
        assert_eq!(counts(&providers).0, 1);
    }

    #[test]
    fn counts_of_many_models_share_a_name() {
        let mut past = Past::default();
        for number in 0..300 {
            past.add(format!("m-{number}"), [1, 0, 0, 0]);
        }
        assert_eq!(past.0.len(), Past::MOST + 1);
        assert_eq!(past.0.values().map(|counts| counts[0]).sum::<u64>(), 300);
    }
}
