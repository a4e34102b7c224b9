//! The ledgers: failed attempts, paid calls and claimed contents.

use serde::{Deserialize, Serialize};

use super::{JobId, Lineage, Name, RejectClass, Rung, Sha256Hex, Timestamp, V1};

/// A failed attempt; `_id` is the attempt id.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RejectDocument {
    #[serde(default)]
    pub version: V1,
    #[serde(default = "Name::default_tenant")]
    pub tenant: Name,
    pub dataset: Name,
    pub job_id: JobId,
    pub reject_id: String,
    #[serde(default)]
    pub record_id: Option<String>,
    #[serde(default)]
    pub slot: Option<u64>,
    pub round: u32,
    pub attempt: u32,
    pub reject_class: RejectClass,
    pub reason: String,
    #[serde(default)]
    pub raw: Option<String>,
    #[serde(default)]
    pub lineage: Option<Lineage>,
    #[serde(default)]
    pub call_id: Option<String>,
    #[serde(default)]
    pub prompt_tokens: u64,
    #[serde(default)]
    pub completion_tokens: u64,
    #[serde(default)]
    pub cost_usd: Option<f64>,
    #[serde(default = "Timestamp::now")]
    pub at: Timestamp,
}

/// What a call came to, as far as money is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// The provider answered; tokens were paid.
    Answered,
    /// 429: not an attempt.
    RateLimited,
    /// 4xx: the request or the key.
    Refused,
    /// 5xx, timeout, broken off: may have been paid.
    Failed,
    /// No connection: the provider never saw it.
    Unreachable,
}

/// One LLM call; money is counted here, so that shares need not add up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallDocument {
    #[serde(default)]
    pub version: V1,
    #[serde(default = "Name::default_tenant")]
    pub tenant: Name,
    pub dataset: Name,
    pub job_id: JobId,
    pub call_id: String,
    pub request_id: String,
    pub round: u32,
    pub attempt_ids: Vec<String>,
    pub outcome: CallOutcome,
    #[serde(default)]
    pub status: Option<u16>,
    pub rung: Rung,
    pub route: String,
    #[serde(default)]
    pub model: Option<String>,
    pub seed: u32,
    pub prompt_hash: Sha256Hex,
    #[serde(default)]
    pub prompt_tokens: u64,
    #[serde(default)]
    pub completion_tokens: u64,
    #[serde(default)]
    pub cost_usd: Option<f64>,
    pub latency_ms: u64,
    #[serde(default = "Timestamp::now")]
    pub at: Timestamp,
}

/// Content can be had once in a dataset; `_id` is `ids::claim_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimDocument {
    #[serde(default)]
    pub version: V1,
    #[serde(default = "Name::default_tenant")]
    pub tenant: Name,
    pub dataset: Name,
    pub content_hash: Sha256Hex,
    pub record_id: String,
    pub job_id: JobId,
    #[serde(default = "Timestamp::now")]
    pub at: Timestamp,
}
