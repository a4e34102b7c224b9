//! How indexes and documents are called, as in Python's `stack/elastic/names.py` (decision 0011).
//!
//! Kinds of documents that tenants share have one index each behind an alias; there the tenant stands before
//! each id. Where the slots of a job go is told by a document of the registry.

use crate::contract::{JobId, Name};

/// Kinds of documents whose index all tenants share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Jobs,
    Rejects,
    Events,
    Calls,
    Claims,
    Starts,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Jobs, Self::Rejects, Self::Events, Self::Calls, Self::Claims, Self::Starts];

    /// The word in the index's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Rejects => "rejects",
            Self::Events => "events",
            Self::Calls => "calls",
            Self::Claims => "claims",
            Self::Starts => "starts",
        }
    }
}

/// The names of one installation.
#[derive(Debug, Clone)]
pub struct Names {
    prefix: String,
}

impl Names {
    /// Names that begin with `prefix`.
    pub fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The alias of a kind of documents.
    pub fn shared(&self, kind: Kind) -> String {
        format!("{}-{}", self.prefix, kind.word())
    }

    /// The alias of the index that knows every dataset's and job's indexes.
    pub fn registry(&self) -> String {
        format!("{}-datasets", self.prefix)
    }
}

/// The `_id` of a document in a shared index.
pub fn key(tenant: &str, id: &str) -> String {
    format!("{tenant}:{id}")
}

/// The `_id` of the registry's document that names the index of a job's slots.
pub fn binding(tenant: &Name, dataset: &Name, job: &JobId) -> String {
    format!("{tenant}.{dataset}.{job}")
}
