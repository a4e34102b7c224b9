//! The one document per slot, and how its record was made.

use serde::{Deserialize, Serialize};

use super::{JobId, JsonObject, Lineage, Name, Sha256Hex, Timestamp, V1};

/// What a slot came to; a slot without a document is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotState {
    Accepted,
    Exhausted,
    Parked,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectClass {
    Truncated,
    Parse,
    Schema,
    Semantic,
    Refusal,
    Duplicate,
    Leak,
    Pii,
    Judge,
    Provider,
    Store,
    Input,
}

/// How the answer's form was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    JsonSchema,
    JsonMode,
    Prompt,
}

impl Rung {
    /// The next weaker form, none below `Prompt`.
    pub fn below(self) -> Option<Self> {
        match self {
            Self::JsonSchema => Some(Self::JsonMode),
            Self::JsonMode => Some(Self::Prompt),
            Self::Prompt => None,
        }
    }
}

/// How a record was made. Tokens and cost are its share of the call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    pub route: Option<String>,
    pub model: Option<String>,
    pub parameters: JsonObject,
    pub prompt_hash: Option<Sha256Hex>,
    pub call_id: Option<String>,
    pub seed: Option<u32>,
    pub round: u32,
    pub attempt: u32,
    pub rung: Option<Rung>,
    #[serde(default)]
    pub repairs: Vec<String>,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub cost_usd: Option<f64>,
    pub recipe_hash: Sha256Hex,
    pub consumer: String,
}

/// A slot's outcome; `_id` = `record_id`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlotDocument {
    #[serde(default)]
    pub version: V1,
    #[serde(default = "Name::default_tenant")]
    pub tenant: Name,
    pub dataset: Name,
    pub job_id: JobId,
    pub record_id: String,
    pub slot: u64,
    pub state: SlotState,
    pub round: u32,
    #[serde(default)]
    pub reject_class: Option<RejectClass>,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub seed_id: Option<String>,
    #[serde(default)]
    pub lineage: Option<Lineage>,
    #[serde(default)]
    pub attributes: JsonObject,
    #[serde(default)]
    pub data: Option<JsonObject>,
    #[serde(default)]
    pub content_hash: Option<Sha256Hex>,
    #[serde(default)]
    pub bands: Vec<String>,
    #[serde(default)]
    pub provenance: Option<Provenance>,
    #[serde(default)]
    pub since: Option<u64>,
    #[serde(default)]
    pub until: Option<u64>,
    #[serde(default = "Timestamp::now")]
    pub written_at: Timestamp,
}
