//! What the answer to one operation of a bulk means; a bulk answers 200 whatever became of its parts.

use serde::Deserialize;

use super::operation::Mode;
use super::reasons::Failure;

/// A document's place in the history of its shard: a later write has another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Version {
    pub seq_no: u64,
    pub primary_term: u64,
}

/// What became of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    Done(Version),
    /// What is there outranks it: it was created before, has a higher version, or was changed meanwhile.
    Outrun,
    /// It can never be written.
    Refused(String),
}

/// One item of the answer.
#[derive(Debug, Deserialize)]
pub struct Item {
    status: u16,
    #[serde(rename = "_seq_no", default)]
    seq_no: u64,
    #[serde(rename = "_primary_term", default)]
    primary_term: u64,
    #[serde(default)]
    error: Option<Failure>,
}

/// The verdict.
///
/// # Errors
/// Why there is none yet: the operation is to be sent again.
pub fn judge(mode: Mode, item: &Item) -> Result<Written, String> {
    let version = Version { seq_no: item.seq_no, primary_term: item.primary_term };
    let reason = || item.error.as_ref().map(Failure::told).unwrap_or_default();
    match item.status {
        200..=299 => Ok(Written::Done(version)),
        404 if mode == Mode::Delete && item.error.is_none() => Ok(Written::Outrun),
        409 => Ok(Written::Outrun),
        400 | 413 => Ok(Written::Refused(reason())),
        404 if item.error.as_ref().is_some_and(Failure::is_missing_index) => {
            Err(format!("indexes are missing, start a worker or the API first: {}", reason()))
        }
        status => Err(format!("the record store cannot take a document now ({status}): {}", reason())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn judged(mode: Mode, item: Value) -> Result<Written, String> {
        judge(mode, &serde_json::from_value(item).unwrap())
    }

    #[test]
    fn each_item_has_its_own_verdict() {
        let done = json!({"status": 201, "_seq_no": 7, "_primary_term": 2});
        assert_eq!(judged(Mode::Create, done), Ok(Written::Done(Version { seq_no: 7, primary_term: 2 })));
        let conflict =
            json!({"status": 409, "error": {"type": "version_conflict_engine_exception", "reason": "r"}});
        for mode in [Mode::Create, Mode::Ranked, Mode::Swap, Mode::Delete] {
            assert_eq!(judged(mode, conflict.clone()), Ok(Written::Outrun));
        }
        let bad =
            json!({"status": 400, "error": {"type": "document_parsing_exception", "reason": "no number"}});
        let refused = Written::Refused("document_parsing_exception: no number".to_owned());
        assert_eq!(judged(Mode::Ranked, bad), Ok(refused));
        assert_eq!(judged(Mode::Delete, json!({"status": 404, "_seq_no": 1})), Ok(Written::Outrun));
    }

    #[test]
    fn what_may_pass_is_sent_again() {
        for (status, kind) in [
            (429, "es_rejected_execution_exception"),
            (503, "unavailable_shards_exception"),
            (403, "cluster_block_exception"),
            (404, "index_not_found_exception"),
            (500, "something"),
        ] {
            let item = json!({"status": status, "error": {"type": kind, "reason": "r"}});
            let reason = judged(Mode::Create, item).unwrap_err();
            assert!(reason.contains(kind), "{reason}");
            assert_eq!(reason.contains("start a worker"), status == 404);
        }
    }
}
