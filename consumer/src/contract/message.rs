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

/// Reads a message's body.
///
/// # Errors
/// What is wrong, and whose message it is.
pub fn read_request(body: &[u8]) -> Result<Box<GenerationRequest>, BadLine> {
    read(body).map_err(|reason| BadLine::of(reason, body))
}

fn read(body: &[u8]) -> Result<Box<GenerationRequest>, String> {
    let head: Head = serde_json::from_slice(body).map_err(|error| match error.is_data() {
        true => format!("not a JSON object: {error}"),
        false => format!("not JSON: {error}"),
    })?;
    if let Some(version) = head.version.filter(|version| *version != 1) {
        return Err(format!("version {} is not known here, only 1 is", shown(&version)));
    }
    if let Some(kind) = head.kind.filter(|kind| *kind != "generation_request") {
        return Err(format!("kind is {}, want generation_request", shown(&kind)));
    }
    let request: Box<GenerationRequest> = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    request.check()?;
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
            (&b"{ not JSON"[..], "not JSON: key must be a string"),
            (b"\xff\xfe", "not JSON"),
            (b"[1]", "not a JSON object"),
            (br#"{"kind": "job", "version": 99}"#, "version 99 is not known here"),
            (br#"{"kind": "cancel", "job_id": "j"}"#, "kind is \"cancel\""),
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
