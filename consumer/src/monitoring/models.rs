//! The counters of each model, found by one look-up a call; models beyond the first hundred share those of `other`.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::words;
use crate::contract::{CallDocument, CallOutcome};

/// Models that have a name of their own in labels. They come from recipes, which anybody may write.
const MOST: usize = 100;
/// The name of all others.
const OTHER: &str = "other";
/// Seconds: from a cached answer to the longest timeouts that recipes set.
const DURATIONS: [f64; 12] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 80.0, 160.0];

type One = [(&'static str, Cow<'static, str>); 1];
type Two = [(&'static str, Cow<'static, str>); 2];

/// The counters of all models.
pub struct Models {
    known: RwLock<HashMap<String, Arc<OfModel>>>,
    calls: Family<Two, Counter>,
    tokens: Family<Two, Counter>,
    cost: Family<One, Counter<f64, AtomicU64>>,
    unpriced: Family<One, Counter>,
    seconds: Family<One, Histogram>,
}

/// The counters of one model.
struct OfModel {
    name: String,
    calls: [Counter; words::CALLS.len()],
    prompt_tokens: Counter,
    completion_tokens: Counter,
    cost: Counter<f64, AtomicU64>,
    unpriced: Counter,
    seconds: Histogram,
}

impl Models {
    /// No model yet; the families are shown by `registry`.
    pub fn new(registry: &mut Registry) -> Self {
        let models = Self {
            known: RwLock::default(),
            calls: Family::default(),
            tokens: Family::default(),
            cost: Family::default(),
            unpriced: Family::default(),
            seconds: Family::new_with_constructor(|| Histogram::new(DURATIONS)),
        };
        registry.register("llm_calls", "Calls by model and what they came to", models.calls.clone());
        registry.register("llm_tokens", "Tokens by model and kind", models.tokens.clone());
        registry.register("llm_cost_dollars", "Cost of calls whose price is known", models.cost.clone());
        registry.register(
            "llm_unpriced_calls",
            "Answered calls whose price is not known",
            models.unpriced.clone(),
        );
        registry.register(
            "llm_call_duration_seconds",
            "From sending a call to its whole answer",
            models.seconds.clone(),
        );
        models
    }

    /// Counts a call.
    pub fn called(&self, call: &CallDocument) {
        let model = self.of(&call.route);
        model.calls[words::call_index(call.outcome)].inc();
        model.prompt_tokens.inc_by(call.prompt_tokens);
        model.completion_tokens.inc_by(call.completion_tokens);
        model.seconds.observe(call.latency_ms as f64 / 1000.0);
        match call.cost_usd {
            // a counter never falls, and a sum with NaN stays NaN
            Some(cost) if cost.is_finite() && cost >= 0.0 => _ = model.cost.inc_by(cost),
            _ if call.outcome == CallOutcome::Answered => _ = model.unpriced.inc(),
            _ => {}
        }
    }

    /// The label of `route`.
    pub fn name(&self, route: &str) -> String {
        self.of(route).name.clone()
    }

    fn of(&self, route: &str) -> Arc<OfModel> {
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            let name = if known.contains_key(route) || known.len() < MOST { route } else { OTHER };
            if let Some(model) = known.get(name) {
                return Arc::clone(model);
            }
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // another task may have taken the last place meanwhile
        let name = if known.contains_key(route) || known.len() < MOST { route } else { OTHER };
        Arc::clone(known.entry(name.to_owned()).or_insert_with(|| Arc::new(self.open(name))))
    }

    fn open(&self, name: &str) -> OfModel {
        let model = ("model", Cow::Owned(name.to_owned()));
        let two = |key, value| [model.clone(), (key, Cow::Borrowed(value))];
        let one = [model.clone()];
        OfModel {
            name: name.to_owned(),
            calls: words::CALLS.map(|outcome| self.calls.get_or_create_owned(&two("outcome", outcome))),
            prompt_tokens: self.tokens.get_or_create_owned(&two("kind", "prompt")),
            completion_tokens: self.tokens.get_or_create_owned(&two("kind", "completion")),
            cost: self.cost.get_or_create_owned(&one),
            unpriced: self.unpriced.get_or_create_owned(&one),
            seconds: self.seconds.get_or_create_owned(&one),
        }
    }
}
