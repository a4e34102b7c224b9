//! A generation request as a message of a broker.

use serde::Deserialize;
use serde_json::Value;

use super::{BadLine, GenerationRequest};

/// What is looked at first, so that a message of another time or kind is told as such.
#[derive(Deserialize)]
struct Head {
    kind: Option<Value>,
    version: Option<Value>,
}

/// Why a body is no request. Python's `synthmill.dead_letters.unreadable` has the same words, and
/// `schemas/examples/unreadable.json` holds both to them.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("the body is not JSON ({0})")]
    NotJson(serde_json::Error),
    #[error("the body is not a JSON object")]
    NotAnObject,
    #[error("version {0} is not known here, only 1 is")]
    Version(String),
    #[error("{0}")]
    Content(String),
}

impl Fault {
    /// What a person can do about it.
    fn advice(&self) -> &'static str {
        match self {
            Self::Version(_) => {
                "bring sender and reader to the same version, then `synthmill dead-letters replay` it"
            }
            _ => "mend what sends it, then `synthmill dead-letters drop` it",
        }
    }
}

/// Reads a message's body.
///
/// # Errors
/// What is wrong, what to do, and whose message it is.
pub fn read_request(body: &[u8]) -> Result<Box<GenerationRequest>, BadLine> {
    read(body)
        .map_err(|fault| BadLine::of(format!("not a generation request: {fault}; {}", fault.advice()), body))
}

fn read(body: &[u8]) -> Result<Box<GenerationRequest>, Fault> {
    let head: Head = serde_json::from_slice(body).map_err(|error| match error.is_data() {
        true => Fault::NotAnObject,
        false => Fault::NotJson(error),
    })?;
    if let Some(version) = head.version.filter(|version| *version != 1) {
        return Err(Fault::Version(shown(&version)));
    }
    if let Some(kind) = head.kind.filter(|kind| *kind != "generation_request") {
        return Err(Fault::Content(format!("kind is {}, want generation_request", shown(&kind))));
    }
    let request: Box<GenerationRequest> =
        serde_json::from_slice(body).map_err(|error| Fault::Content(error.to_string()))?;
    request.check().map_err(Fault::Content)?;
    Ok(request)
}

fn shown(value: &Value) -> String {
    crate::text::cut(&value.to_string(), 40)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_request_is_read() {
        let body = testing::request_json().to_string();
        assert_eq!(*read_request(body.as_bytes()).unwrap(), testing::request());
    }

    #[test]
    fn what_is_no_request_is_told_by_what_it_is() {
        for (body, says) in [
            (&b"{ not JSON"[..], "not a generation request: the body is not JSON (key must be a string"),
            (b"\xff\xfe", "the body is not JSON (expected value"),
            (br#"{"kind": "generation_request"}"#, "missing field"),
        ] {
            let bad = read_request(body).unwrap_err();
            assert!(bad.reason.contains(says), "{}", bad.reason);
        }
    }

    #[test]
    fn a_bad_request_is_still_told_by_its_ids() {
        let mut json = testing::request_json();
        json["slots"] = serde_json::json!([]);
        let bad = read_request(json.to_string().as_bytes()).unwrap_err();
        assert_eq!(bad.request_id.as_deref(), Some("j1-1-0"));
        assert!(bad.reason.contains("the number of slots is 0"), "{}", bad.reason);
    }
}
