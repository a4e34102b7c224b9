//! What every request's task shares.

use std::sync::Arc;
use std::time::Duration;

use crate::contract::{EventDocument, GenerationRequest, JsonObject, Level, Service, Timestamp, V1};
use crate::jobs::{Blocking, JobView};
use crate::llm::client::Client;
use crate::llm::provider::Providers;
use crate::plan::Plans;
use crate::shutdown::Shutdown;
use crate::store::{Fact, Store, StoreGone, Unread};
use crate::trace;

/// The shared parts: far ends, caches, and the end of the program.
pub struct Desk<S, J> {
    pub store: S,
    pub jobs: J,
    pub plans: Plans,
    pub providers: Arc<Providers>,
    pub client: Client,
    pub gateway_url: String,
    pub shutdown: Shutdown,
    /// How long a request may wait to make a call before it is left to others; none: for ever.
    pub hold: Option<Duration>,
}

/// Why a request is left before all its slots have their outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// Its job is over.
    Dropped(String),
    /// Its job is blocked.
    Blocked(String),
    /// The request cannot be worked on.
    Invalid(String),
    /// It waited too long to make a call.
    Waited,
    /// The program ends.
    Stopped,
}

impl From<StoreGone> for Halt {
    fn from(_: StoreGone) -> Self {
        Self::Stopped
    }
}

impl From<Unread> for Halt {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::Gone => Self::Stopped,
            Unread::NoPlace(reason) => Self::Invalid(reason),
        }
    }
}

impl<S: Store, J: JobView> Desk<S, J> {
    /// Blocks the request's job and says so once.
    pub async fn block(&self, request: &GenerationRequest, reason: String) -> Halt {
        let news = self.jobs.block(&request.tenant, &request.job_id, request.round, &reason).await;
        if news == Blocking::New {
            let trace_id = trace::id_of(request.traceparent.as_deref());
            tracing::error!(
                job_id = request.job_id.as_str(),
                round = request.round,
                trace_id,
                reason,
                "job blocked"
            );
            let said = self.event(request, "job.blocked", Level::Error, &reason, JsonObject::new()).await;
            if said.is_err() {
                return Halt::Stopped;
            }
        }
        Halt::Blocked(reason)
    }

    /// Pauses the request's job because its budget does not suffice for the next call, and says so once.
    pub async fn pause(&self, request: &GenerationRequest, reason: String) -> Halt {
        let job = &request.job_id;
        let told = format!(
            "its budget is used up: {reason}. Raise it to go on: `synthmill resume {job}` with --max-tokens or \
             --max-usd, or PATCH /v1/jobs/{job}"
        );
        if self.jobs.pause(request, &told).await == Blocking::New {
            tracing::warn!(job_id = job.as_str(), round = request.round, reason, "job paused by its budget");
            let said = self.event(request, "job.paused", Level::Warning, &told, JsonObject::new()).await;
            if said.is_err() {
                return Halt::Stopped;
            }
        }
        Halt::Dropped(told)
    }

    /// Writes an event about the request's job.
    ///
    /// # Errors
    /// When the store is gone.
    pub async fn event(
        &self,
        request: &GenerationRequest,
        name: &str,
        level: Level,
        message: &str,
        fields: JsonObject,
    ) -> Result<(), StoreGone> {
        let event = EventDocument {
            version: V1,
            tenant: request.tenant.clone(),
            event_id: event_id(request, name),
            job_id: Some(request.job_id.clone()),
            service: Service::Consumer,
            name: name.to_owned(),
            level,
            message: message.to_owned(),
            fields,
            at: Timestamp::now(),
        };
        self.store.note(vec![Fact::Event(Box::new(event))]).await
    }
}

/// A job is blocked once a round, whoever says it; a provider's state can change any number of times.
fn event_id(request: &GenerationRequest, name: &str) -> String {
    let id = format!("{name}-{}-{}", request.job_id, request.round);
    match name.starts_with("job.") {
        true => id,
        false => format!("{id}-{:08x}", fastrand::u32(..)),
    }
}
