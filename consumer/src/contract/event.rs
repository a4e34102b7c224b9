//! Events: what services log, monitor and report as progress.

use serde::{Deserialize, Serialize};

use super::{JobId, JsonObject, Name, Timestamp, V1};

/// How much an event matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Debug,
    #[default]
    Info,
    Warning,
    Error,
}

/// Who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    Cli,
    Api,
    Worker,
    Consumer,
    Bridge,
    Gateway,
    Flow,
    Reconcile,
}

/// Something that happened; `_id` is `event_id`, chosen so that saying it twice stores it once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventDocument {
    #[serde(default)]
    pub version: V1,
    #[serde(default = "Name::default_tenant")]
    pub tenant: Name,
    pub event_id: String,
    #[serde(default)]
    pub job_id: Option<JobId>,
    pub service: Service,
    pub name: String,
    #[serde(default)]
    pub level: Level,
    pub message: String,
    #[serde(default)]
    pub fields: JsonObject,
    #[serde(default = "Timestamp::now")]
    pub at: Timestamp,
}
