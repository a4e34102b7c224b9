//! The lines of `--stdio`: newline-delimited JSON, one document a line.

use serde::{Deserialize, Serialize};

use super::{
    Amount, CallDocument, EventDocument, GenerationRequest, JobId, Name, RejectDocument, Round, SlotDocument,
};

/// Make no further calls for this job, or only for rounds up to `through_round` of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelLine {
    #[serde(default = "Name::default_tenant")]
    pub tenant: Name,
    pub job_id: JobId,
    #[serde(default)]
    pub through_round: Option<Round>,
}

/// What the store said of an offered record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VerdictKind {
    Stored,
    Already,
    Duplicate,
    Refused,
}

/// The answer to an accepted slot line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictLine {
    pub record_id: String,
    pub round: Round,
    pub verdict: VerdictKind,
    #[serde(default)]
    pub reason: Option<String>,
}

/// Whether a call fits into its job's budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RoomKind {
    Granted,
    Full,
    Over,
}

/// The answer to a reserve line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReservedLine {
    pub call_id: String,
    pub room: RoomKind,
    #[serde(default)]
    pub reason: Option<String>,
}

/// What can be read.
#[derive(Debug, Clone, PartialEq)]
pub enum InputLine {
    Request(Box<GenerationRequest>),
    Cancel(CancelLine),
    Verdict(VerdictLine),
    Reserved(ReservedLine),
}

#[derive(Deserialize)]
struct KindOf {
    kind: String,
}

/// A line that cannot be worked on, with the ids that could be read all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadLine {
    /// One sentence with the place of the fault.
    pub reason: String,
    pub request_id: Option<String>,
    pub job_id: Option<JobId>,
}

/// Reads one line; the kind is looked up first, because serde's own tagged enums copy the whole document.
///
/// # Errors
/// What is wrong, and whose line it is.
pub fn read_line(line: &[u8]) -> Result<InputLine, BadLine> {
    read(line).map_err(|reason| BadLine::of(reason, line))
}

impl BadLine {
    /// With what can be read of `line`.
    pub fn of(reason: String, line: &[u8]) -> Self {
        let whole: serde_json::Value = serde_json::from_slice(line).unwrap_or_default();
        let text = |key| whole.get(key).and_then(serde_json::Value::as_str).map(str::to_owned);
        Self {
            reason,
            request_id: text("request_id").filter(|id| id.len() <= 200),
            job_id: text("job_id").and_then(|id| JobId::try_from(id).ok()),
        }
    }
}

fn read(line: &[u8]) -> Result<InputLine, String> {
    let KindOf { kind } = parse(line)?;
    match kind.as_str() {
        "generation_request" => {
            let request: Box<GenerationRequest> = parse(line)?;
            request.check()?;
            Ok(InputLine::Request(request))
        }
        "cancel" => parse(line).map(InputLine::Cancel),
        "verdict" => parse(line).map(InputLine::Verdict),
        "reserved" => parse(line).map(InputLine::Reserved),
        other => Err(format!(
            "kind is {:?}, want generation_request, cancel, verdict or reserved",
            other.chars().take(40).collect::<String>()
        )),
    }
}

fn parse<'line, T: Deserialize<'line>>(line: &'line [u8]) -> Result<T, String> {
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettleOutcome {
    Done,
    Dropped,
    Blocked,
    Invalid,
}

/// The last line of a request; `request_id` is none when the line could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    #[serde(deserialize_with = "Option::deserialize")]
    pub request_id: Option<String>,
    #[serde(default)]
    pub job_id: Option<JobId>,
    pub outcome: SettleOutcome,
    #[serde(default)]
    pub reason: Option<String>,
    #[serde(default)]
    pub line: Option<u64>,
}

/// A call that is about to be made, with the most that it should take; its call line settles it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reserve {
    #[serde(default = "Name::default_tenant")]
    pub tenant: Name,
    pub job_id: JobId,
    pub request_id: String,
    pub call_id: String,
    pub need: Amount,
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "document", rename_all = "snake_case")]
pub enum OutputLine {
    Call(Box<CallDocument>),
    Reject(Box<RejectDocument>),
    Slot(Box<SlotDocument>),
    Event(Box<EventDocument>),
    Settled(Box<Settled>),
    Reserve(Box<Reserve>),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing;

    #[test]
    fn a_bad_request_is_still_told_by_its_ids() {
        let mut json = testing::request_json();
        json["slots"] = serde_json::json!([]);
        let bad = read_line(json.to_string().as_bytes()).unwrap_err();
        assert_eq!(
            (bad.request_id.as_deref(), bad.job_id.as_ref().map(JobId::as_str)),
            (Some("j1-1-0"), Some("j1"))
        );
        assert!(bad.reason.contains("the number of slots is 0"), "{}", bad.reason);
    }

    #[test]
    fn parts_that_do_not_fit_each_other_are_refused() {
        for (field, value, says) in [
            ("model", serde_json::json!(null), "model is missing"),
            ("output", serde_json::json!(["nothing"]), "column nothing is neither"),
            ("unique", serde_json::json!(["product", "price"]), "column price is neither"),
            ("slots", serde_json::json!([{"slot": 1, "attributes": {"1": 1}}]), "is not a column name"),
        ] {
            let mut json = testing::request_json();
            json[field] = value;
            let bad = read_line(json.to_string().as_bytes()).unwrap_err();
            assert!(bad.reason.contains(says), "{}", bad.reason);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_line(&bytes);
        }

        #[test]
        fn no_damaged_request_makes_it_panic(at in 0.0f64..1.0, byte: u8) {
            let mut line = testing::request_json().to_string().into_bytes();
            let place = (line.len() as f64 * at) as usize;
            line[place] = byte;
            let _ = read_line(&line);
        }
    }
}
