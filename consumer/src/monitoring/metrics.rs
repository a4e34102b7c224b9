//! What is counted. A count is an atomic addition; everything else happens when somebody reads `/metrics`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use super::models::Models;
use super::providers::ProviderReader;
use super::words;
use crate::contract::RejectClass;
use crate::health::Part;
use crate::llm::provider::Providers;
use crate::pipeline::Outcome;
use crate::store::{Fact, Verdict};

const BULK_SECONDS: [f64; 10] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];
const BULK_ITEMS: [f64; 9] = [1.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1000.0];

type Labelled = Family<[(&'static str, &'static str); 1], Counter>;

/// What the store's bulk said of one document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BulkItem {
    Stored,
    /// It was there before, in this or a later version.
    Already,
    /// It can never be stored.
    Refused,
    /// It is sent again.
    Again,
}

/// All metrics of this process; clones share them.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    deliveries: Labelled,
    in_flight: Gauge,
    slots: Labelled,
    rejects: Labelled,
    models: Arc<Models>,
    bulk_seconds: Histogram,
    bulk_documents: Histogram,
    bulk_items: Labelled,
    reconnects: Labelled,
}

impl Metrics {
    /// Metrics that also show what `providers` knows.
    pub fn new(providers: &Arc<Providers>) -> Self {
        let mut registry = Registry::with_prefix("synthmill_consumer");
        let models = Arc::new(Models::new(&mut registry));
        let version = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        let mut inner = Inner {
            deliveries: labelled("outcome", &words::ENDED),
            in_flight: Gauge::default(),
            slots: labelled("outcome", &["accepted", "already", "exhausted"]),
            rejects: Labelled::default(),
            models: Arc::clone(&models),
            bulk_seconds: Histogram::new(BULK_SECONDS),
            bulk_documents: Histogram::new(BULK_ITEMS),
            bulk_items: labelled("result", &["stored", "already", "refused", "again"]),
            reconnects: labelled("part", &["broker", "store"]),
            registry: Registry::default(),
        };
        registry.register("build", "The running program", version);
        inner.show(&mut registry);
        let reader = ProviderReader { providers: Arc::clone(providers), models };
        registry.register_collector(Box::new(reader));
        inner.registry = registry;
        Self(Arc::new(inner))
    }

    /// A delivery was taken into work.
    pub fn taken(&self) {
        self.0.in_flight.inc();
    }

    /// A taken delivery has ended.
    pub fn settled(&self, outcome: &Outcome) {
        self.0.in_flight.dec();
        add(&self.0.deliveries, "outcome", words::ended(outcome), 1);
    }

    /// A fact was written down.
    pub fn noted(&self, fact: &Fact) {
        match fact {
            Fact::Call(call) => self.0.models.called(call),
            Fact::Reject(reject) => self.rejected(reject.reject_class),
            Fact::Failed(_) => add(&self.0.slots, "outcome", "exhausted", 1),
            Fact::Event(_) => {}
        }
    }

    /// The store said what becomes of an offered record. A record it does not take is noted as a reject too.
    pub fn judged(&self, verdict: &Verdict) {
        match verdict {
            Verdict::Stored => add(&self.0.slots, "outcome", "accepted", 1),
            Verdict::Already => add(&self.0.slots, "outcome", "already", 1),
            Verdict::Duplicate | Verdict::Refused(_) => {}
        }
    }

    /// The store answered a bulk of so many documents.
    pub fn bulk(&self, took: Duration, documents: usize) {
        self.0.bulk_seconds.observe(took.as_secs_f64());
        self.0.bulk_documents.observe(documents as f64);
    }

    /// So many documents of a bulk came to this.
    pub fn bulk_items(&self, result: BulkItem, count: u64) {
        let word = match result {
            BulkItem::Stored => "stored",
            BulkItem::Already => "already",
            BulkItem::Refused => "refused",
            BulkItem::Again => "again",
        };
        add(&self.0.bulk_items, "result", word, count);
    }

    /// A lost connection is there again.
    pub fn reconnected(&self, part: Part) {
        add(&self.0.reconnects, "part", words::part(part), 1);
    }

    /// All of it in the OpenMetrics text format, which Prometheus reads.
    ///
    /// # Errors
    /// When a metric cannot be written.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::with_capacity(16 * 1024);
        text::encode(&mut text, &self.0.registry)?;
        Ok(text)
    }

    fn rejected(&self, class: RejectClass) {
        add(&self.0.rejects, "class", words::reject(class), 1);
    }
}

impl Inner {
    fn show(&self, registry: &mut Registry) {
        registry.register("deliveries", "Deliveries by how they were settled", self.deliveries.clone());
        registry.register("requests_in_flight", "Generation requests in work", self.in_flight.clone());
        registry.register("slots", "Slots by outcome", self.slots.clone());
        registry.register("rejects", "Failed attempts at a slot by class", self.rejects.clone());
        registry.register(
            "bulk_duration_seconds",
            "From sending a bulk to its answer",
            self.bulk_seconds.clone(),
        );
        registry.register("bulk_documents", "Documents of a bulk", self.bulk_documents.clone());
        registry.register("bulk_items", "Documents by what the store said of them", self.bulk_items.clone());
        registry.register("reconnects", "Connections that were lost and made again", self.reconnects.clone());
    }
}

fn add(family: &Labelled, key: &'static str, value: &'static str, count: u64) {
    family.get_or_create(&[(key, value)]).inc_by(count);
}

/// A family that shows 0 for what has not happened yet: a rate needs a first value.
fn labelled(key: &'static str, values: &[&'static str]) -> Labelled {
    let family = Labelled::default();
    for value in values {
        drop(family.get_or_create(&[(key, *value)]));
    }
    family
}
