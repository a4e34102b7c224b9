//! Builds the program from its settings and runs it until there is nothing left to do, or it is told to stop.

use std::collections::HashMap;
use std::io::BufReader;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use crate::config::{AdmissionMode, Settings};
use crate::desk::{Desk, Halt};
use crate::jobs::{JobView, Jobs};
use crate::llm::client::Client;
use crate::llm::provider::Providers;
use crate::pipeline::{self, Delivery, Outcome, Source};
use crate::plan::Plans;
use crate::shutdown::{Phase, Shutdown};
use crate::stdio::{Admission, Control, Limits, StdioSource, StdioStore, Verdicts, Writer, watch_stdout};
use crate::store::Store;
use crate::telemetry;

/// Declarations kept compiled; a consumer rarely works on more recipes at once.
const MOST_PLANS: usize = 32;
/// How long the last lines may take to be written once all work is done.
const FLUSH_WITHIN: Duration = Duration::from_secs(5);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Input is used up or the program was told to stop, and it drained.
    Finished,
    /// The other side is gone.
    Aborted,
}

/// Runs `--stdio` to its end.
///
/// # Errors
/// When a part cannot be set up.
pub fn run(settings: Settings) -> Result<Ended, String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let ended = runtime.block_on(stdio(settings));
    // calls that are still in flight after an abort must not hold the process
    runtime.shutdown_background();
    ended
}

async fn stdio(settings: Settings) -> Result<Ended, String> {
    let shutdown = Shutdown::default();
    stop_on_signals(&shutdown)?;
    watch_stdout(shutdown.clone());
    let writer = Writer::start(std::io::stdout(), shutdown.clone());
    let jobs = Arc::new(Jobs::default());
    let (admission, verdicts) = match settings.admission {
        AdmissionMode::Local => (Admission::Local(Default::default()), None),
        AdmissionMode::Ask => {
            let verdicts = Arc::new(Verdicts::default());
            (Admission::Ask(Arc::clone(&verdicts)), Some(verdicts))
        }
    };
    let desk = Arc::new(Desk {
        store: StdioStore { writer: writer.clone(), admission },
        jobs: Arc::clone(&jobs),
        plans: Plans::new(MOST_PLANS),
        providers: Providers::new(settings.calls),
        client: Client::new(settings.calls.concurrency)?,
        gateway_url: settings.gateway_url,
        shutdown: shutdown.clone(),
    });
    let limits = Limits { prefetch: settings.prefetch };
    let control = Control { jobs, verdicts, shutdown: shutdown.clone() };
    let source = StdioSource::start(BufReader::new(std::io::stdin()), &limits, writer.clone(), control);
    let ended = run_until_stopped(desk, source, settings.drain_within).await;
    if ended == Ended::Finished && tokio::time::timeout(FLUSH_WITHIN, writer.flush()).await.is_err() {
        return Ok(Ended::Aborted);
    }
    Ok(ended)
}

/// Works on deliveries, each in a task of its own, until the source ends or the program is told to stop.
pub async fn run_until_stopped<S, J, D>(desk: Arc<Desk<S, J>>, mut source: D, drain_within: Duration) -> Ended
where
    S: Store,
    J: JobView,
    D: Source,
{
    let shutdown = desk.shutdown.clone();
    let mut running: JoinSet<Outcome> = JoinSet::new();
    let mut tickets: HashMap<Id, D::Ticket> = HashMap::new();
    let mut reading = true;
    let mut deadline: Option<Instant> = None;
    while reading || !running.is_empty() {
        tokio::select! {
            biased;
            () = shutdown.aborted() => return Ended::Aborted,
            () = shutdown.draining(), if deadline.is_none() => {
                reading = false;
                deadline = Some(Instant::now() + drain_within);
            }
            () = until(deadline), if deadline.is_some() => {
                tracing::warn!(unfinished = running.len(), "calls in flight did not end in time");
                running.abort_all();
                break;
            }
            Some(ended) = running.join_next_with_id(), if !running.is_empty() => {
                let (id, outcome) = judged(ended);
                if let Some(ticket) = tickets.remove(&id) {
                    pipeline::settle(&source, ticket, outcome).await;
                }
            }
            delivery = source.next(), if reading => match delivery {
                None => reading = false,
                Some(Delivery { body: Ok(request), ticket }) => {
                    let desk = Arc::clone(&desk);
                    let task = running.spawn(async move { pipeline::work(&*desk, &request).await });
                    tickets.insert(task.id(), ticket);
                }
                Some(Delivery { body: Err(bad), ticket }) => {
                    pipeline::settle(&source, ticket, Outcome::Halted(Halt::Invalid(bad.reason))).await;
                }
            },
        }
    }
    if shutdown.phase() == Phase::Aborted { Ended::Aborted } else { Ended::Finished }
}

fn judged(ended: Result<(Id, Outcome), JoinError>) -> (Id, Outcome) {
    match ended {
        Ok(ended) => ended,
        Err(error) => {
            let id = error.id();
            match error.try_into_panic() {
                Ok(payload) => {
                    let words = crate::text::cut(&telemetry::describe(payload.as_ref()), 300);
                    (id, Outcome::Panicked(format!("a fault of the consumer: {words}")))
                }
                Err(_) => (id, Outcome::Halted(Halt::Stopped)),
            }
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// The first signal drains, a second one aborts.
fn stop_on_signals(shutdown: &Shutdown) -> Result<(), String> {
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).map_err(|error| format!("signals cannot be handled: {error}"))?;
        let shutdown = shutdown.clone();
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                match shutdown.phase() {
                    Phase::Running => {
                        tracing::info!("told to stop: calls in flight end, no new ones are made");
                        shutdown.drain();
                    }
                    _ => shutdown.abort(),
                }
            }
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
