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
    Reports,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Jobs, Self::Rejects, Self::Events, Self::Calls, Self::Claims, Self::Starts, Self::Reports];

    /// The word in the index's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Rejects => "rejects",
            Self::Events => "events",
            Self::Calls => "calls",
            Self::Claims => "claims",
            Self::Starts => "starts",
            Self::Reports => "reports",
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const PLACES: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/examples/places.json"));

    fn places() -> Value {
        serde_json::from_str(PLACES).unwrap()
    }

    fn text<'value>(value: &'value Value, key: &str) -> &'value str {
        value[key].as_str().unwrap()
    }

    #[test]
    fn indexes_are_called_as_in_python() {
        let places = places();
        let names = Names::new(text(&places, "prefix"));
        assert_eq!(names.registry(), text(&places, "registry"));
        for kind in Kind::ALL {
            assert_eq!(names.shared(kind), text(&places["shared"], kind.word()));
        }
    }

    #[test]
    fn documents_lie_under_the_ids_that_python_reads() {
        let places = places();
        for one in places["documents"].as_array().unwrap() {
            assert_eq!(key(text(one, "tenant"), text(one, "id")), text(one, "key"));
        }
        for one in places["bindings"].as_array().unwrap() {
            let name = |key| Name::try_from(text(one, key).to_owned()).unwrap();
            let job = JobId::try_from(text(one, "job_id").to_owned()).unwrap();
            assert_eq!(binding(&name("tenant"), &name("dataset"), &job), text(one, "key"));
        }
    }
}
