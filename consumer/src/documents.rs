//! Makes the documents of one request. Pure but for the clock.

use crate::contract::{
    CallDocument, GenerationRequest, JsonObject, Provenance, RejectDocument, RequestSlot, Rung, Sha256Hex,
    SlotDocument, SlotState, Timestamp, V1,
};
use crate::ids;
use crate::repair::Repairs;
use crate::validate::{Content, Failure};

/// Name and version of this program, as it stands in every record.
pub const CONSUMER: &str = concat!("synthmill-consumer ", env!("CARGO_PKG_VERSION"));

/// Longest raw answer kept with a reject.
const LONGEST_RAW: usize = 20_000;

/// A call that led to something, shared by the slots in it.
#[derive(Debug, Clone, PartialEq)]
pub struct CallFacts {
    pub call_id: String,
    pub rung: Rung,
    pub seed: u32,
    pub prompt_hash: Sha256Hex,
    pub model: Option<String>,
    pub usage: Share,
}

/// Tokens and cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Share {
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    /// None: unknown.
    pub cost_usd: Option<f64>,
}

impl Share {
    /// The part of item `position` of `count`: tokens split evenly, what is left goes to the first ones.
    pub fn part(&self, position: usize, count: usize) -> Self {
        let count = count.max(1) as u64;
        let split = |total: u64| total / count + u64::from((position as u64) < total % count);
        Self {
            prompt_tokens: split(self.prompt_tokens),
            completion_tokens: split(self.completion_tokens),
            cost_usd: self.cost_usd.map(|cost| cost / count as f64),
        }
    }
}

/// One try at one slot.
pub struct Attempt<'call> {
    pub number: u32,
    /// None: no call was needed.
    pub call: Option<&'call CallFacts>,
    pub share: Share,
    pub raw: Option<&'call str>,
}

/// The document of a filled slot.
pub fn accepted(
    request: &GenerationRequest,
    slot: &RequestSlot,
    content: Content,
    repairs: &Repairs,
    attempt: &Attempt<'_>,
) -> SlotDocument {
    SlotDocument {
        state: SlotState::Accepted,
        data: Some(content.data),
        content_hash: Some(content.hash),
        provenance: Some(provenance(request, repairs, attempt)),
        ..bare(request, slot)
    }
}

/// The document of a slot that stays empty in this round.
pub fn exhausted(request: &GenerationRequest, slot: &RequestSlot, failure: &Failure) -> SlotDocument {
    SlotDocument {
        state: SlotState::Exhausted,
        reject_class: Some(failure.class),
        reason: Some(failure.reason()),
        ..bare(request, slot)
    }
}

/// The ledger's entry of a failed try.
pub fn reject(
    request: &GenerationRequest,
    slot: &RequestSlot,
    failure: &Failure,
    attempt: &Attempt<'_>,
) -> RejectDocument {
    let job = request.job_id.as_str();
    RejectDocument {
        version: V1,
        tenant: request.tenant.clone(),
        dataset: request.dataset.clone(),
        job_id: request.job_id.clone(),
        reject_id: ids::attempt_id(job, slot.slot, request.round, attempt.number),
        record_id: Some(ids::record_id(job, slot.slot)),
        slot: Some(slot.slot),
        round: request.round,
        attempt: attempt.number,
        reject_class: failure.class,
        reason: failure.reason(),
        raw: attempt.raw.map(|raw| crate::text::head(raw, LONGEST_RAW).to_owned()),
        lineage: slot.lineage.clone(),
        call_id: attempt.call.map(|call| call.call_id.clone()),
        prompt_tokens: attempt.share.prompt_tokens,
        completion_tokens: attempt.share.completion_tokens,
        cost_usd: attempt.share.cost_usd,
        at: Timestamp::now(),
    }
}

/// The ledger's entry of a call; the caller fills in what came of it.
pub fn call(
    request: &GenerationRequest,
    route: &str,
    facts: &CallFacts,
    attempt_ids: Vec<String>,
    latency_ms: u64,
) -> CallDocument {
    CallDocument {
        version: V1,
        tenant: request.tenant.clone(),
        dataset: request.dataset.clone(),
        job_id: request.job_id.clone(),
        call_id: facts.call_id.clone(),
        request_id: request.request_id.clone(),
        round: request.round,
        attempt_ids,
        outcome: crate::contract::CallOutcome::Answered,
        status: None,
        rung: facts.rung,
        route: route.to_owned(),
        model: facts.model.clone(),
        seed: facts.seed,
        prompt_hash: facts.prompt_hash.clone(),
        prompt_tokens: facts.usage.prompt_tokens,
        completion_tokens: facts.usage.completion_tokens,
        cost_usd: facts.usage.cost_usd,
        latency_ms,
        at: Timestamp::now(),
    }
}

fn bare(request: &GenerationRequest, slot: &RequestSlot) -> SlotDocument {
    SlotDocument {
        version: V1,
        tenant: request.tenant.clone(),
        dataset: request.dataset.clone(),
        job_id: request.job_id.clone(),
        record_id: ids::record_id(request.job_id.as_str(), slot.slot),
        slot: slot.slot,
        state: SlotState::Exhausted,
        round: request.round,
        reject_class: None,
        reason: None,
        seed_id: slot.seed_id.clone(),
        lineage: slot.lineage.clone(),
        attributes: slot.attributes.clone(),
        data: None,
        content_hash: None,
        bands: Vec::new(),
        provenance: None,
        since: None,
        until: None,
        written_at: Timestamp::now(),
    }
}

fn provenance(request: &GenerationRequest, repairs: &Repairs, attempt: &Attempt<'_>) -> Provenance {
    let model = request.model.as_ref().filter(|_| attempt.call.is_some());
    Provenance {
        route: model.map(|model| model.route.clone()),
        model: attempt.call.and_then(|call| call.model.clone()),
        parameters: model.map_or_else(JsonObject::new, |model| model.parameters.clone()),
        prompt_hash: attempt.call.map(|call| call.prompt_hash.clone()),
        call_id: attempt.call.map(|call| call.call_id.clone()),
        seed: attempt.call.map(|call| call.seed),
        round: request.round,
        attempt: attempt.number,
        rung: attempt.call.map(|call| call.rung),
        repairs: repairs.names(),
        prompt_tokens: attempt.share.prompt_tokens,
        completion_tokens: attempt.share.completion_tokens,
        cost_usd: attempt.share.cost_usd,
        recipe_hash: request.recipe_hash.clone(),
        consumer: CONSUMER.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_add_up_and_the_first_ones_get_the_rest() {
        let whole = Share { prompt_tokens: 11, completion_tokens: 2, cost_usd: Some(0.9) };
        let parts: Vec<Share> = (0..3).map(|position| whole.part(position, 3)).collect();
        assert_eq!(parts.iter().map(|part| part.prompt_tokens).collect::<Vec<_>>(), [4, 4, 3]);
        assert_eq!(parts.iter().map(|part| part.completion_tokens).collect::<Vec<_>>(), [1, 1, 0]);
        assert!((parts[2].cost_usd.unwrap() - 0.3).abs() < 1e-9);
    }
}
