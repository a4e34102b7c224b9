//! Small requests for the crate's own unit tests.

use serde_json::{Value, json};

use crate::contract::GenerationRequest;
use crate::llm::provider::{CallSettings, Providers};
use crate::monitoring::Metrics;

/// Metrics that nobody reads.
pub fn metrics() -> Metrics {
    Metrics::new(&Providers::new(CallSettings::default()))
}

/// A request for two slots with one llm column of text and one expression over it.
pub fn request() -> GenerationRequest {
    read(&request_json())
}

/// The same as JSON.
pub fn request_json() -> Value {
    json!({
        "kind": "generation_request", "version": 1, "tenant": "default", "dataset": "demo", "job_id": "j1",
        "request_id": "j1-1-0", "round": 1, "recipe_hash": "0".repeat(64), "recipe_seed": 7,
        "model": {"route": "offline/fake-1", "base_url": "http://127.0.0.1:9/v1"},
        "columns": [
            {"kind": "llm", "name": "title", "prompt": "A title for {{ product }}",
             "json_schema": {"type": "string", "minLength": 1}},
            {"kind": "expression", "name": "shout", "template": "{{ title|upper }}", "value_type": "string"}
        ],
        "output": ["product", "title", "shout"], "unique": ["title"],
        "record_schema": {"type": "object"},
        "slots": [{"slot": 0, "attributes": {"product": "tea"}}, {"slot": 1, "attributes": {"product": "cup"}}],
        "max_attempts": 4
    })
}

/// A request from its JSON.
pub fn read(value: &Value) -> GenerationRequest {
    serde_json::from_value(value.clone()).expect("a request")
}
