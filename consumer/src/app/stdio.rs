//! `--stdio`: requests on standard input, lines on standard output.

use std::io::BufReader;
use std::sync::Arc;
use std::time::Duration;

use super::work::run_until_stopped;
use super::{Ended, MOST_PLANS};
use crate::config::{AdmissionMode, Settings};
use crate::desk::Desk;
use crate::health::Health;
use crate::jobs::Jobs;
use crate::llm::client::Client;
use crate::llm::provider::Providers;
use crate::monitoring::{self, Counted, Metrics, Shown};
use crate::plan::Plans;
use crate::shutdown::Shutdown;
use crate::stdio::{
    Admission, Control, Limits, Reservations, StdioJobs, StdioSource, StdioStore, Verdicts, Writer,
    watch_stdout,
};

/// How long the last lines may take to be written once all work is done.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// Runs `--stdio` to its end.
pub async fn run(settings: Settings, admission: AdmissionMode, shutdown: Shutdown) -> Result<Ended, String> {
    let providers = Providers::new(settings.calls);
    let metrics = Metrics::new(&providers);
    // standard streams are there from the start: nothing has to be waited for
    let health = Health::needing(&[]);
    let shown = Shown { health, metrics: metrics.clone(), shutdown: shutdown.clone() };
    monitoring::serve(&settings.monitoring, shown).await?;
    watch_stdout(shutdown.clone());
    let writer = Writer::start(std::io::stdout(), shutdown.clone());
    let jobs = Arc::new(Jobs::default());
    let reservations = (admission == AdmissionMode::Ask).then(|| Arc::new(Reservations::default()));
    let (admission, verdicts) = match admission {
        AdmissionMode::Local => (Admission::Local(Default::default()), None),
        AdmissionMode::Ask => {
            let verdicts = Arc::new(Verdicts::default());
            (Admission::Ask(Arc::clone(&verdicts)), Some(verdicts))
        }
    };
    let desk = Arc::new(Desk {
        store: Counted::new(StdioStore { writer: writer.clone(), admission }, metrics.clone()),
        jobs: StdioJobs {
            jobs: Arc::clone(&jobs),
            asked: reservations.clone().map(|reservations| (reservations, writer.clone())),
        },
        plans: Plans::new(MOST_PLANS),
        providers,
        client: Client::new(settings.calls.concurrency)?,
        gateway_url: settings.gateway_url,
        shutdown: shutdown.clone(),
        // nobody takes a line back, however long it waits
        hold: None,
    });
    let limits = Limits { prefetch: settings.prefetch };
    let control = Control { jobs, verdicts, reservations, shutdown: shutdown.clone() };
    let source = StdioSource::start(BufReader::new(std::io::stdin()), &limits, writer.clone(), control);
    let source = Counted::new(source, metrics);
    let ended = run_until_stopped(desk, source, settings.drain_within).await;
    if ended == Ended::Finished && tokio::time::timeout(FLUSH_WITHIN, writer.flush()).await.is_err() {
        return Ok(Ended::Aborted);
    }
    Ok(ended)
}
