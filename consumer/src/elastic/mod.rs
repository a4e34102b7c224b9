//! The far end on the stack: facts and records in Elasticsearch, jobs and counts read from it.
//!
//! # Layout
//! - `client`      HTTP, the only module here that names reqwest; `condition` what is wrong with the server
//! - `batching`    many small asks in few large requests; `writes` and `reads` are such requests
//! - `operation`, `judging`, `reasons`   one write, and what its answer means
//! - `names`, `documents`, `registry`    how indexes and documents are called, what every writer adds
//! - `claims`, `ledger`, `noted`, `store`   the record store
//! - `jobs`, `starts`   how jobs stand, how often messages began; `spending` their budgets; `prepared` whether the indexes are there
//!
//! Decisions 0005, 0010 and 0011 bind it; Python's `core/synthmill/stack/elastic/` is its twin.

mod batching;
mod claims;
mod client;
mod condition;
mod documents;
mod far;
mod jobs;
mod judging;
mod ledger;
mod names;
mod noted;
mod operation;
mod prepared;
mod reads;
mod reasons;
mod registry;
mod spending;
mod starts;
mod store;
mod writes;

use std::sync::Arc;

use crate::config::ElasticSettings;
use crate::health::Health;
use crate::monitoring::Metrics;
use crate::shutdown::Shutdown;
use batching::Queue;
use client::Client;
use condition::Condition;
use far::Far;
use names::Names;

pub use jobs::ElasticJobs;
pub use prepared::Prepared;
pub use starts::ElasticStarts;
pub use store::ElasticStore;

/// The far ends that Elasticsearch serves; clones of each share its connections and bulks.
pub struct Elastic {
    pub store: ElasticStore,
    pub jobs: ElasticJobs,
    pub starts: ElasticStarts,
    pub prepared: Prepared,
}

/// Sets the far ends up without waiting for the server; inside a tokio runtime.
///
/// # Errors
/// When address, key or certificates cannot be used.
pub fn connect(
    settings: &ElasticSettings,
    health: Health,
    metrics: Metrics,
    shutdown: &Shutdown,
) -> Result<Elastic, String> {
    let condition = Condition::new(health, metrics.clone());
    let client = Arc::new(Client::new(settings, condition.clone(), shutdown.clone())?);
    let names = Names::new(&settings.prefix);
    let prepared = Prepared::watch(Arc::clone(&client), &names, &condition);
    let (writes, reads) = (writes::Writes::new(Arc::clone(&client), metrics), reads::Reads::new(client));
    let far = Far {
        writes: Queue::start(writes, writes::LIMITS, condition.clone(), shutdown.clone()),
        reads: Queue::start(reads, reads::LIMITS, condition, shutdown.clone()),
        names,
    };
    Ok(Elastic {
        store: ElasticStore::new(far.clone(), shutdown.clone()),
        jobs: ElasticJobs::new(far.clone()),
        starts: ElasticStarts::new(far),
        prepared,
    })
}
