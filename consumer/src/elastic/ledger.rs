//! Facts on their way into the store, and what is written in place of one that it refuses.

use serde_json::json;

use super::documents;
use super::far::Far;
use super::names::Kind;
use super::operation::{Operation, Target};
use crate::contract::{
    EventDocument, JobId, JsonObject, Level, Name, RejectClass, RejectDocument, Service, SlotDocument,
    SlotState, Timestamp, V1,
};
use crate::ids;
use crate::store::Fact;
use crate::text;

/// Longest text of a substitute: where a longer one was refused this fits.
const LONGEST: usize = 1_000;

/// A fact's operation; `slots` is the index of its job's slots.
///
/// # Errors
/// Why it can never be stored.
pub fn operation(far: &Far, slots: Option<&str>, fact: &Fact) -> Result<Operation, String> {
    let create = |target: &Target, body: &[u8]| Operation::create(target, body);
    let id = id_of(fact);
    match fact {
        Fact::Call(call) => far.operation(Kind::Calls, (call.tenant.as_str(), id), call, create),
        Fact::Reject(reject) => far.operation(Kind::Rejects, (reject.tenant.as_str(), id), reject, create),
        Fact::Event(event) => far.operation(Kind::Events, (event.tenant.as_str(), id), event, create),
        Fact::Failed(slot) => {
            slot_operation(slots.ok_or_else(|| no_index(slot.dataset.as_str(), &slot.job_id))?, slot)
        }
    }
}

/// A slot's operation: accepted outranks all, of failed ones the later round (design law 1).
///
/// # Errors
/// Why it can never be stored.
pub fn slot_operation(index: &str, slot: &SlotDocument) -> Result<Operation, String> {
    let body = documents::encoded(slot, &slot.record_id, None)?;
    let target = Target { index: index.to_owned(), key: slot.record_id.clone(), alias: false };
    Ok(Operation::ranked(&target, rank(slot.state, slot.round), &body))
}

/// The external version of a slot document.
pub fn rank(state: SlotState, round: u32) -> u64 {
    match state {
        SlotState::Accepted => ids::ACCEPTED_RANK,
        SlotState::Exhausted => ids::failed_rank(round, false),
        SlotState::Parked => ids::failed_rank(round, true),
    }
}

/// Says that a job's slots have nowhere to go.
pub fn no_index(dataset: &str, job: &JobId) -> String {
    format!("job {job} has no index in dataset {dataset}: it was never planned by a worker")
}

/// The id of a fact's document.
pub fn id_of(fact: &Fact) -> &str {
    match fact {
        Fact::Call(call) => &call.call_id,
        Fact::Reject(reject) => &reject.reject_id,
        Fact::Event(event) => &event.event_id,
        Fact::Failed(slot) => &slot.record_id,
    }
}

/// What is written instead of a refused fact: the same without what may have been too much, and an event.
pub fn substitutes(fact: &Fact, reason: &str) -> Vec<Fact> {
    let reason = text::cut(reason, LONGEST);
    let (kind, tenant, job, fields) = match fact {
        Fact::Call(call) => ("call", &call.tenant, Some(&call.job_id), paid(call)),
        Fact::Reject(reject) => ("reject", &reject.tenant, Some(&reject.job_id), JsonObject::new()),
        Fact::Event(event) => ("event", &event.tenant, event.job_id.as_ref(), said(event)),
        Fact::Failed(slot) => ("slot", &slot.tenant, Some(&slot.job_id), JsonObject::new()),
    };
    let event = refused(tenant, job, (kind, id_of(fact)), &reason, fields);
    let bare = match fact {
        Fact::Reject(reject) => Some(Fact::Reject(Box::new(bare_reject(reject, &reason)))),
        Fact::Failed(slot) => Some(Fact::Failed(Box::new(bare_slot(slot, &reason)))),
        Fact::Call(_) | Fact::Event(_) => None,
    };
    bare.into_iter().chain([event]).collect()
}

fn refused(
    tenant: &Name,
    job: Option<&JobId>,
    (kind, id): (&str, &str),
    reason: &str,
    fields: JsonObject,
) -> Fact {
    Fact::Event(Box::new(EventDocument {
        version: V1,
        tenant: tenant.clone(),
        event_id: format!("store.refused-{kind}-{}", text::head(id, 300)),
        job_id: job.cloned(),
        service: Service::Consumer,
        name: "store.refused".to_owned(),
        level: Level::Error,
        message: format!("the record store refuses {kind} {}: {reason}", text::head(id, 300)),
        fields,
        at: Timestamp::now(),
    }))
}

/// A call's money is not lost with its document.
fn paid(call: &crate::contract::CallDocument) -> JsonObject {
    let pairs = [
        ("prompt_tokens", json!(call.prompt_tokens)),
        ("completion_tokens", json!(call.completion_tokens)),
        ("cost_usd", json!(call.cost_usd)),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn said(event: &EventDocument) -> JsonObject {
    let pairs = [("name", json!(event.name)), ("message", json!(text::cut(&event.message, LONGEST)))];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn bare_reject(reject: &RejectDocument, reason: &str) -> RejectDocument {
    RejectDocument {
        raw: None,
        lineage: None,
        reason: format!(
            "{} (the store refused the whole of it: {reason})",
            text::cut(&reject.reason, LONGEST)
        ),
        ..reject.clone()
    }
}

/// Its slot must not stay open for ever.
fn bare_slot(slot: &SlotDocument, reason: &str) -> SlotDocument {
    SlotDocument {
        reject_class: Some(RejectClass::Store),
        reason: Some(format!("the store refused the whole of it: {reason}")),
        lineage: None,
        attributes: JsonObject::new(),
        ..slot.clone()
    }
}
