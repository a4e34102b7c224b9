//! Where in a source a seed came from.

use serde::{Deserialize, Serialize};

use super::Sha256Hex;

/// The place in the source; it is passed through, never read here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lineage {
    pub source: String,
    pub sha256: Sha256Hex,
    #[serde(default)]
    pub row: Option<u64>,
    #[serde(default)]
    pub line: Option<u64>,
    #[serde(default)]
    pub char_start: Option<u64>,
    #[serde(default)]
    pub char_end: Option<u64>,
    #[serde(default)]
    pub page: Option<u64>,
    #[serde(default)]
    pub sheet: Option<String>,
    #[serde(default)]
    pub headings: Vec<String>,
}
