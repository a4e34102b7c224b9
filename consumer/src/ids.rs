//! How ids, ranks, call seeds and content hashes are made; `schemas/examples/ids.json` holds this to Python.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::contract::{ColumnName, JsonObject, Sha256Hex};

/// External version of an accepted slot: above that of any round.
pub const ACCEPTED_RANK: u64 = 1 << 40;

/// The id of a slot's document, accepted or not.
pub fn record_id(job_id: &str, slot: u64) -> String {
    format!("{job_id}-{slot}")
}

/// The id of one try at a slot; rounds and attempts count from 1.
pub fn attempt_id(job_id: &str, slot: u64, round: u32, attempt: u32) -> String {
    format!("{job_id}-{slot}-{round}-{attempt}")
}

/// The id of a generation request.
pub fn request_id(job_id: &str, round: u32, first_slot: u64) -> String {
    format!("{job_id}-{round}-{first_slot}")
}

/// The id of one HTTP call: `delivery` tells apart two runs of the same request.
pub fn call_id(request_id: &str, sequence: u32, delivery: u32) -> String {
    format!("{request_id}-{sequence}-{delivery:08x}")
}

/// External version of an exhausted or parked slot: a later round outranks an earlier one.
pub fn failed_rank(round: u32, parked: bool) -> u64 {
    2 * u64::from(round) + u64::from(parked)
}

/// The `seed` of an LLM call, 0 to 2^31 - 1; never dependent on the job id (design law 8).
pub fn call_seed(recipe_seed: u64, slot: u64, round: u32, attempt: u32) -> u32 {
    let digest = Sha256::digest(format!("{recipe_seed}:{slot}:{round}:{attempt}"));
    u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) & 0x7FFF_FFFF
}

/// The id under which a record's content can be claimed once in a dataset.
pub fn claim_id(tenant: &str, dataset: &str, content_hash: &Sha256Hex) -> Sha256Hex {
    Sha256Hex::of(format!("{tenant}\n{dataset}\n{content_hash}").as_bytes())
}

/// The hash of a record's content: sha256 of the RFC 8785 JSON of its `unique` columns, of all when empty.
///
/// # Errors
/// Says why the content has no canonical form (a number that JSON cannot hold).
pub fn content_hash(data: &JsonObject, unique: &[ColumnName]) -> Result<Sha256Hex, String> {
    let canonical = if unique.is_empty() {
        serde_json_canonicalizer::to_vec(data)
    } else {
        let chosen: JsonObject = unique
            .iter()
            .map(|name| (name.as_str().to_owned(), data.get(name.as_str()).cloned().unwrap_or(Value::Null)))
            .collect();
        serde_json_canonicalizer::to_vec(&chosen)
    };
    canonical
        .map(|bytes| Sha256Hex::of(&bytes))
        .map_err(|error| format!("the record has no canonical form: {error}"))
}
