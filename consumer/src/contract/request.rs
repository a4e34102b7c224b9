//! The generation request: k slots of one job and round, for one LLM call.

use std::collections::HashSet;

use serde::{Deserialize, Deserializer, Serialize};

use super::{Budget, ColumnName, JobId, JsonObject, Lineage, Name, Price, Sha256Hex, V1};

/// The word that tells a request from other messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum RequestKind {
    #[default]
    #[serde(rename = "generation_request")]
    GenerationRequest,
}

/// Which model to call; without `base_url` the consumer's gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestModel {
    pub route: String,
    #[serde(default)]
    pub base_url: Option<String>,
    /// The variable that holds the key, never the key.
    #[serde(default)]
    pub api_key_env: Option<String>,
    #[serde(default)]
    pub system: Option<String>,
    #[serde(default)]
    pub parameters: JsonObject,
    #[serde(default = "default_timeout")]
    pub timeout_seconds: f64,
    #[serde(default)]
    pub limits: Option<ModelLimits>,
    /// For answers that do not say what they cost, and for the budget.
    #[serde(default)]
    pub price: Option<Price>,
}

/// What may be sent to the model in a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelLimits {
    #[serde(default)]
    pub requests_per_minute: Option<u64>,
    #[serde(default)]
    pub input_tokens_per_minute: Option<u64>,
    #[serde(default)]
    pub output_tokens_per_minute: Option<u64>,
}

/// The type of an expression column's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueType {
    #[default]
    String,
    Integer,
    Number,
    Boolean,
    Json,
}

/// A column the model writes; `prompt` is a template over the slot's attributes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LlmColumn {
    pub name: ColumnName,
    pub prompt: String,
    pub json_schema: JsonObject,
}

/// A column computed after the call, from attributes and earlier columns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExpressionColumn {
    pub name: ColumnName,
    pub template: String,
    #[serde(default)]
    pub value_type: ValueType,
}

/// A column that is still to be made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RequestColumn {
    Llm(LlmColumn),
    Expression(ExpressionColumn),
}

impl RequestColumn {
    /// The column's name.
    pub fn name(&self) -> &ColumnName {
        match self {
            Self::Llm(column) => &column.name,
            Self::Expression(column) => &column.name,
        }
    }
}

/// One slot: its fixed attribute tuple and its seed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSlot {
    pub slot: u64,
    #[serde(default)]
    pub seed_id: Option<String>,
    #[serde(default)]
    pub lineage: Option<Lineage>,
    pub attributes: JsonObject,
}

/// The message for one LLM call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenerationRequest {
    #[serde(default)]
    pub kind: RequestKind,
    #[serde(default)]
    pub version: V1,
    #[serde(default = "Name::default_tenant")]
    pub tenant: Name,
    pub dataset: Name,
    pub job_id: JobId,
    pub request_id: String,
    pub round: u32,
    pub recipe_hash: Sha256Hex,
    pub recipe_seed: u64,
    #[serde(deserialize_with = "present")]
    pub model: Option<RequestModel>,
    pub columns: Vec<RequestColumn>,
    pub output: Vec<ColumnName>,
    pub unique: Vec<ColumnName>,
    pub record_schema: JsonObject,
    pub slots: Vec<RequestSlot>,
    #[serde(default = "default_attempts")]
    pub max_attempts: u32,
    /// Caps of the job: each of its calls is reserved before it is made.
    #[serde(default)]
    pub budget: Option<Budget>,
    #[serde(default)]
    pub traceparent: Option<String>,
}

const MOST_SLOTS: usize = 50;
const MOST_PER_MINUTE: u64 = 1_000_000_000_000;
const MOST_TOKENS: u64 = 1_000_000_000_000_000;
const RESERVED_PARAMETERS: [&str; 4] = ["messages", "model", "stream", "n"];

impl GenerationRequest {
    /// Refuses what serde's types cannot: ranges, and parts that do not fit each other.
    ///
    /// # Errors
    /// One sentence that names the first fault.
    pub fn check(&self) -> Result<(), String> {
        self.check_ranges()?;
        self.check_model()?;
        self.check_columns()
    }

    /// Whether any column is written by the model.
    pub fn needs_model(&self) -> bool {
        self.columns.iter().any(|column| matches!(column, RequestColumn::Llm(_)))
    }

    fn check_ranges(&self) -> Result<(), String> {
        // it becomes part of a header
        within("the length of request_id", self.request_id.len() as u64, 1, 200)?;
        if !self.request_id.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("request_id holds characters other than visible ASCII".to_owned());
        }
        within("round", u64::from(self.round), 1, 1000)?;
        within("max_attempts", u64::from(self.max_attempts), 1, 20)?;
        if let Some(budget) = &self.budget {
            within("budget.max_tokens", budget.max_tokens.unwrap_or(1), 1, MOST_TOKENS)?;
            if !budget.max_usd.is_none_or(|usd| usd > 0.0) {
                return Err("budget.max_usd is not above 0".to_owned());
            }
        }
        within("recipe_seed", self.recipe_seed, 0, (1 << 53) - 1)?;
        within("the number of slots", self.slots.len() as u64, 1, MOST_SLOTS as u64)?;
        within("the number of output columns", self.output.len() as u64, 1, u64::MAX)?;
        let mut seen = HashSet::new();
        for slot in &self.slots {
            within("slot", slot.slot, 0, (1 << 40) - 1)?;
            if !seen.insert(slot.slot) {
                return Err(format!("slot {} stands twice in the request", slot.slot));
            }
        }
        Ok(())
    }

    fn check_model(&self) -> Result<(), String> {
        let Some(model) = &self.model else {
            return match self.needs_model() {
                true => Err("model is missing, yet the request has llm columns".to_owned()),
                false => Ok(()),
            };
        };
        if model.route.is_empty() {
            return Err("model.route is empty".to_owned());
        }
        if !(model.timeout_seconds > 0.0 && model.timeout_seconds <= 86_400.0) {
            return Err(format!("model.timeout_seconds is {}, want 0 to 86400", model.timeout_seconds));
        }
        if let Some(limits) = &model.limits {
            limits.check()?;
        }
        if let Some(price) = &model.price {
            not_below_zero("model.price.input_per_million", price.input_per_million)?;
            not_below_zero("model.price.output_per_million", price.output_per_million)?;
        }
        match RESERVED_PARAMETERS.iter().find(|key| model.parameters.contains_key(**key)) {
            Some(key) => Err(format!("model.parameters must not set {key}: the consumer sets it")),
            None => Ok(()),
        }
    }

    fn check_columns(&self) -> Result<(), String> {
        let mut made = HashSet::new();
        for column in &self.columns {
            if !made.insert(column.name().as_str()) {
                return Err(format!("column {} stands twice in the request", column.name()));
            }
        }
        for slot in &self.slots {
            if let Some(key) =
                slot.attributes.keys().find(|key| ColumnName::try_from((*key).clone()).is_err())
            {
                return Err(format!("attribute {key:?} of slot {} is not a column name", slot.slot));
            }
            let known = |name: &ColumnName| {
                made.contains(name.as_str()) || slot.attributes.contains_key(name.as_str())
            };
            if let Some(name) = self.output.iter().chain(&self.unique).find(|name| !known(name)) {
                return Err(format!("column {name} is neither an attribute of slot {} nor made", slot.slot));
            }
        }
        match self.unique.iter().find(|name| !self.output.contains(name)) {
            Some(name) => Err(format!("unique column {name} is not part of the record")),
            None => Ok(()),
        }
    }
}

impl ModelLimits {
    fn check(&self) -> Result<(), String> {
        for (name, limit) in [
            ("requests", self.requests_per_minute),
            ("input_tokens", self.input_tokens_per_minute),
            ("output_tokens", self.output_tokens_per_minute),
        ] {
            if let Some(limit) = limit {
                within(&format!("model.limits.{name}_per_minute"), limit, 1, MOST_PER_MINUTE)?;
            }
        }
        Ok(())
    }
}

fn within(what: &str, value: u64, low: u64, high: u64) -> Result<(), String> {
    match (low..=high).contains(&value) {
        true => Ok(()),
        false => Err(format!("{what} is {value}, want {low} to {high}")),
    }
}

fn not_below_zero(what: &str, value: f64) -> Result<(), String> {
    match value >= 0.0 {
        true => Ok(()),
        false => Err(format!("{what} is {value}, want 0 or more")),
    }
}

fn default_timeout() -> f64 {
    120.0
}

fn default_attempts() -> u32 {
    4
}

/// A field that may be null but must be there.
fn present<'de, D: Deserializer<'de>>(input: D) -> Result<Option<RequestModel>, D::Error> {
    Option::deserialize(input)
}
