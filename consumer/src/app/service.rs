//! The service: requests from RabbitMQ, facts and records to Elasticsearch.

use std::sync::Arc;

use super::work::run_until_stopped;
use super::{Ended, MOST_PLANS};
use crate::amqp::{AmqpSource, Setup};
use crate::config::{ServiceSettings, Settings};
use crate::desk::Desk;
use crate::elastic;
use crate::health::{Health, Part};
use crate::llm::client::Client;
use crate::llm::provider::Providers;
use crate::monitoring::{self, Counted, Metrics, Shown};
use crate::plan::Plans;
use crate::shutdown::Shutdown;

/// Runs the service until it is told to stop.
pub async fn run(settings: Settings, service: ServiceSettings, shutdown: Shutdown) -> Result<Ended, String> {
    let providers = Providers::new(settings.calls);
    let metrics = Metrics::new(&providers);
    let health = Health::needing(&[Part::Broker, Part::Store]);
    let shown = Shown { health: health.clone(), metrics: metrics.clone(), shutdown: shutdown.clone() };
    monitoring::serve(&settings.monitoring, shown).await?;
    let mut far = elastic::connect(&service.elasticsearch, health.clone(), metrics.clone(), &shutdown)?;
    let desk = Arc::new(Desk {
        store: Counted::new(far.store, metrics.clone()),
        jobs: far.jobs,
        plans: Plans::new(MOST_PLANS),
        providers,
        client: Client::new(settings.calls.concurrency)?,
        gateway_url: settings.gateway_url,
        shutdown: shutdown.clone(),
        hold: Some(settings.hold),
    });
    tokio::select! {
        biased;
        () = shutdown.draining() => return Ok(Ended::Finished),
        () = far.prepared.ready() => {}
    }
    let setup = Setup {
        settings: service.rabbitmq,
        prefetch: u16::try_from(settings.prefetch).unwrap_or(u16::MAX),
        hold: settings.hold,
        starts: far.starts,
        health,
        metrics: metrics.clone(),
        shutdown,
    };
    let source = Counted::new(AmqpSource::start(setup).await?, metrics);
    Ok(run_until_stopped(desk, source, settings.drain_within).await)
}
