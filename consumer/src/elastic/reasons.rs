//! What an error of Elasticsearch says, causes included, in one short line.

use serde::Deserialize;

use crate::text;

/// Longest reason that is passed on.
const LONGEST: usize = 500;
/// Causes below causes repeat themselves.
const DEEPEST: usize = 4;

/// An error as it stands in an answer or in one item of it.
#[derive(Debug, Default, Deserialize)]
pub struct Failure {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    caused_by: Option<Box<Failure>>,
    #[serde(default)]
    root_cause: Vec<Failure>,
}

impl Failure {
    /// The line.
    pub fn told(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut next = Some(self);
        while let Some(failure) = next.filter(|_| parts.len() < DEEPEST) {
            let kind = failure.kind.as_deref().unwrap_or("error");
            let part = format!("{kind}: {}", failure.reason.as_deref().unwrap_or_default());
            if !parts.contains(&part) {
                parts.push(part);
            }
            next = failure.caused_by.as_deref().or_else(|| failure.root_cause.first());
        }
        text::cut(&parts.join("; "), LONGEST)
    }

    /// Whether the index or alias is not there.
    pub fn is_missing_index(&self) -> bool {
        self.kind.as_deref() == Some("index_not_found_exception")
    }
}

#[derive(Deserialize)]
struct Body {
    error: Failure,
}

/// What the body of a refusal says; the start of it when it is not one of Elasticsearch's.
pub fn of_body(body: &[u8]) -> String {
    match serde_json::from_slice::<Body>(body) {
        Ok(body) => body.error.told(),
        Err(_) => text::cut(String::from_utf8_lossy(body).trim(), LONGEST),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_told_once_and_in_short() {
        let body = br#"{"error": {"type": "document_parsing_exception", "reason": "failed to parse field [data.score]",
            "root_cause": [{"type": "document_parsing_exception", "reason": "failed to parse field [data.score]"}],
            "caused_by": {"type": "illegal_argument_exception", "reason": "For input string: \"high\""}}, "status": 400}"#;
        assert_eq!(
            of_body(body),
            "document_parsing_exception: failed to parse field [data.score]; \
             illegal_argument_exception: For input string: \"high\""
        );
        assert_eq!(of_body(b" Bad Gateway\n"), "Bad Gateway");
        assert_eq!(of_body(&b"x".repeat(2_000)).chars().count(), LONGEST + 1);
    }
}
