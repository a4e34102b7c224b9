//! One delivery from its request to its settlement.

use std::future::Future;

use crate::compute;
use crate::contract::{BadLine, GenerationRequest};
use crate::desk::{Desk, Halt};
use crate::ids;
use crate::jobs::{JobView, Standing};
use crate::ladder;
use crate::store::Store;

/// What a source hands over; `ticket` is what it needs to settle it.
pub struct Delivery<T> {
    pub body: Result<Box<GenerationRequest>, BadLine>,
    pub ticket: T,
}

/// Where requests come from. A delivery that is never settled comes again, or is looked after by the sender.
pub trait Source: Send {
    type Ticket: Send;

    /// The next delivery, none when there will be no more. Waits while too many are unsettled.
    fn next(&mut self) -> impl Future<Output = Option<Delivery<Self::Ticket>>> + Send;

    /// Ends a delivery; called once for each, by the loop that works on them. Must not wait for far ends: other
    /// deliveries wait for it.
    fn settle(&self, ticket: Self::Ticket, outcome: Outcome) -> impl Future<Output = ()> + Send;

    /// Nothing more will be asked for, and all that was is settled: returns when that has reached the far end.
    fn leave(self) -> impl Future<Output = ()> + Send;
}

/// How the work on a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Every slot has its outcome.
    Done,
    Halted(Halt),
    /// The work itself broke: a fault of this program.
    Panicked(String),
}

/// Works on a request until every slot has its outcome, or it has to be left.
pub async fn work<S: Store, J: JobView>(desk: &Desk<S, J>, request: &GenerationRequest) -> Outcome {
    let outcome = match fill(desk, request).await {
        Ok(()) => Outcome::Done,
        Err(halt) => Outcome::Halted(halt),
    };
    if request.budget.is_some() {
        desk.jobs.accounted(request).await;
    }
    match desk.store.written().await {
        Ok(()) => outcome,
        Err(gone) => Outcome::Halted(gone.into()),
    }
}

async fn fill<S: Store, J: JobView>(desk: &Desk<S, J>, request: &GenerationRequest) -> Result<(), Halt> {
    match desk.jobs.standing(&request.tenant, &request.job_id, request.round).await {
        Standing::Running => {}
        Standing::Over(reason) => return Err(Halt::Dropped(reason)),
        Standing::Blocked(reason) => return Err(Halt::Blocked(reason)),
    }
    let plan = desk.plans.of(request).map_err(Halt::Invalid)?;
    let open = open_slots(desk, request).await?;
    match (&request.model, plan.llm.is_empty()) {
        _ if open.is_empty() => Ok(()),
        (_, true) => compute::fill(desk, request, &plan, &open).await,
        (Some(model), false) => ladder::fill(desk, request, &plan, model, &open).await,
        (None, false) => Err(Halt::Invalid("model is missing, yet the request has llm columns".to_owned())),
    }
}

/// The places of the slots that are neither accepted nor parked yet.
async fn open_slots<S: Store, J: JobView>(
    desk: &Desk<S, J>,
    request: &GenerationRequest,
) -> Result<Vec<usize>, Halt> {
    let job = request.job_id.as_str();
    let ids: Vec<String> = request.slots.iter().map(|slot| ids::record_id(job, slot.slot)).collect();
    let closed = desk.store.closed(request, &ids).await?;
    Ok((0..ids.len()).filter(|index| !closed.get(*index).copied().unwrap_or(false)).collect())
}
