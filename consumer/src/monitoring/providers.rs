//! Reads limits, breakers and retries from the LLM layer at the moment somebody asks.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

use super::models::Models;
use crate::llm::breaker::Standing;
use crate::llm::provider::{LineState, Providers};
use crate::llm::retries::Retry;

/// Addresses that are shown; they come from recipes, which anybody may write.
const MOST_ADDRESSES: usize = 100;

/// Shows the state of all lines and addresses.
pub struct ProviderReader {
    pub providers: Arc<Providers>,
    /// Gives the models their labels.
    pub models: Arc<Models>,
}

impl fmt::Debug for ProviderReader {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ProviderReader")
    }
}

impl Collector for ProviderReader {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let models = self.by_model();
        gauge(
            &mut encoder,
            ("llm_concurrency_limit", "Calls that may be in flight, by model"),
            "model",
            models.iter().map(|(model, state)| (model.as_str(), state.limit as f64)),
        )?;
        gauge(
            &mut encoder,
            ("llm_calls_in_flight", "Calls in flight, by model"),
            "model",
            models.iter().map(|(model, state)| (model.as_str(), state.in_flight as f64)),
        )?;
        gauge(
            &mut encoder,
            ("llm_calls_waiting", "Calls that wait for leave to go out, by model"),
            "model",
            models.iter().map(|(model, state)| (model.as_str(), state.waiting as f64)),
        )?;
        gauge(
            &mut encoder,
            (
                "llm_pace_seconds",
                "Distance between calls, kept because the provider told that little is left",
            ),
            "model",
            models.iter().map(|(model, state)| (model.as_str(), state.pace.as_secs_f64())),
        )?;
        retries(&mut encoder, &models)?;
        breakers(&mut encoder, &self.providers.breakers())
    }
}

impl ProviderReader {
    /// The same model at several addresses counts as one.
    fn by_model(&self) -> BTreeMap<String, LineState> {
        let mut models: BTreeMap<String, LineState> = BTreeMap::new();
        for line in self.providers.lines() {
            match models.entry(self.models.name(&line.route)) {
                Entry::Occupied(state) => state.into_mut().add(&line),
                Entry::Vacant(place) => _ = place.insert(line),
            }
        }
        models
    }
}

fn gauge<'name>(
    encoder: &mut DescriptorEncoder<'_>,
    (name, help): (&str, &str),
    key: &'static str,
    values: impl Iterator<Item = (&'name str, f64)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (label, value) in values {
        ConstGauge::new(value).encode(metric.encode_family(&[(key, label)])?)?;
    }
    Ok(())
}

fn retries(encoder: &mut DescriptorEncoder<'_>, models: &BTreeMap<String, LineState>) -> fmt::Result {
    let help = "Calls made again, by model and why";
    let mut metric = encoder.encode_descriptor("llm_retries", help, None, MetricType::Counter)?;
    for (model, state) in models {
        for (reason, count) in Retry::ALL.iter().zip(state.retries) {
            let labels = [("model", model.as_str()), ("reason", reason.word())];
            ConstCounter::new(count).encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}

fn breakers(encoder: &mut DescriptorEncoder<'_>, breakers: &[(String, Standing)]) -> fmt::Result {
    let help = "1 for the state that the address is in: closed, open or probing";
    let mut metric = encoder.encode_descriptor("llm_breaker_state", help, None, MetricType::Gauge)?;
    for (address, standing) in breakers.iter().take(MOST_ADDRESSES) {
        for state in [Standing::Closed, Standing::Open, Standing::Probing] {
            let labels = [("address", address.as_str()), ("state", state.word())];
            ConstGauge::new(u64::from(state == *standing)).encode(metric.encode_family(&labels)?)?;
        }
    }
    Ok(())
}
