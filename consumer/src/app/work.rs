//! Serves deliveries, each in a task of its own, until there are no more or the program is told to stop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::Ended;
use crate::desk::{Desk, Halt};
use crate::jobs::JobView;
use crate::pipeline::{self, Delivery, Outcome, Source};
use crate::shutdown::Phase;
use crate::store::Store;
use crate::telemetry;

/// Works on deliveries until the source ends or the program is told to stop. Each is settled here and nowhere else.
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
                    source.settle(ticket, outcome).await;
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
                    source.settle(ticket, Outcome::Halted(Halt::Invalid(bad.reason))).await;
                }
            },
        }
    }
    for (_, ticket) in tickets {
        source.settle(ticket, Outcome::Halted(Halt::Stopped)).await;
    }
    source.leave().await;
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

#[cfg(test)]
mod tests;
