//! What a failed call means. An error carries its decision; what is retriable is listed here and nowhere else.

use std::time::Duration;

use serde_json::Value;

use crate::contract::CallOutcome;
use crate::text;

/// What follows from a failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Too fast: wait, then the same again; no attempt.
    RateLimited,
    /// The request was not accepted; `form` says that the complaint names the form of answer.
    Refused { form: bool },
    /// The provider's filter took offence: no further call for these slots.
    Filtered,
    /// It may have been paid: an attempt; another one may succeed.
    Failed,
    /// The provider never saw it: no attempt.
    Unreachable,
    /// Key, quota or address: no call of this job can succeed until a person acts.
    Blocked,
}

/// A failed call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CallError {
    pub kind: Kind,
    pub status: Option<u16>,
    /// What happened and, where a person must act, what to do.
    pub reason: String,
    /// The answer's body, for the ledger.
    pub raw: Option<String>,
    /// How long the provider asked to wait.
    pub after: Option<Duration>,
}

/// Codes by which the gateway of this project speaks for itself rather than for a provider.
const GATEWAY_CODES: [&str; 4] = ["daily_limit", "invalid_token", "missing_key", "provider_key"];
const LONGEST_MESSAGE: usize = 300;
const LONGEST_RAW: usize = 20_000;

impl CallError {
    /// A failure without an answer.
    pub fn new(kind: Kind, reason: String) -> Self {
        Self { kind, status: None, reason, raw: None, after: None }
    }

    /// What the call came to in the ledger.
    pub fn outcome(&self) -> CallOutcome {
        match self.kind {
            Kind::RateLimited => CallOutcome::RateLimited,
            Kind::Refused { .. } | Kind::Filtered | Kind::Blocked => CallOutcome::Refused,
            Kind::Failed => CallOutcome::Failed,
            Kind::Unreachable => CallOutcome::Unreachable,
        }
    }
}

/// The error that an answer with `status` other than 2xx stands for; `whom` names the address in its text.
pub fn of_answer(status: u16, body: &[u8], after: Option<Duration>, whom: &str) -> CallError {
    let said = Said::of(body);
    let kind = kind_of(status, &said);
    let advice = advice(status, kind, &said);
    CallError {
        kind,
        status: Some(status),
        reason: format!("{whom} answered {status} ({}){advice}", said.message),
        raw: Some(raw(body)),
        after,
    }
}

/// The start of a body as text.
pub fn raw(body: &[u8]) -> String {
    text::head(&String::from_utf8_lossy(body), LONGEST_RAW).to_owned()
}

/// The words of an error body, wherever a provider puts them.
struct Said {
    message: String,
    code: String,
    parameter: String,
}

impl Said {
    fn of(body: &[u8]) -> Self {
        let parsed: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let error = parsed.get("error").unwrap_or(&parsed);
        let word = |key: &str| match error.get(key) {
            Some(Value::String(word)) => word.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        let message = [error.as_str().map(str::to_owned), Some(word("message")), Some(word("detail"))]
            .into_iter()
            .flatten()
            .find(|words| !words.is_empty())
            .unwrap_or_else(|| String::from_utf8_lossy(body).trim().to_owned());
        Self {
            message: text::cut(&message, LONGEST_MESSAGE),
            code: format!("{} {}", word("code"), word("type")),
            parameter: word("param"),
        }
    }

    fn mentions(&self, words: &[&str]) -> bool {
        let message = self.message.to_lowercase();
        words.iter().any(|word| message.contains(word) || self.code.contains(word))
    }
}

fn kind_of(status: u16, said: &Said) -> Kind {
    match status {
        429 if said.mentions(&[
            "insufficient_quota",
            "exceeded your current quota",
            "billing_hard_limit",
        ]) =>
        {
            Kind::Blocked
        }
        429 => Kind::RateLimited,
        401..=405 | 300..=399 => Kind::Blocked,
        408 | 409 | 425 | 500..=599 => Kind::Failed,
        400 if said.mentions(&["content_filter", "content_policy", "content management policy"]) => {
            Kind::Filtered
        }
        400 | 422 => Kind::Refused {
            form: said.parameter.contains("response_format")
                || said.mentions(&["response_format", "json_schema", "json_object", "structured output"]),
        },
        _ => Kind::Refused { form: false },
    }
}

fn advice(status: u16, kind: Kind, said: &Said) -> &'static str {
    match (kind, status) {
        // our gateway's own words say what is to be mended there
        (Kind::Blocked, _) if GATEWAY_CODES.iter().any(|code| said.code.contains(code)) => {
            ": mend that at the gateway, then resume the job"
        }
        (Kind::Blocked, 401 | 403) => {
            ": check the key in the variable that model.api_key_env names, then resume the job"
        }
        (Kind::Blocked, 402 | 429) => {
            ": the account's quota is used up; raise it or change the key, then resume the job"
        }
        (Kind::Blocked, _) => ": check model.route and model.base_url, then resume the job",
        _ if said.mentions(&["context length", "context_length", "maximum context"]) => {
            ": shorten the prompt or lower batch"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn kind(status: u16, body: Value) -> Kind {
        of_answer(status, body.to_string().as_bytes(), None, "x").kind
    }

    #[test]
    fn every_status_has_its_decision() {
        let error = |code: &str, message: &str| json!({"error": {"code": code, "message": message}});
        for (status, body, wanted) in [
            (429, error("rate_limit_exceeded", "slow down"), Kind::RateLimited),
            (429, error("insufficient_quota", "pay"), Kind::Blocked),
            (429, error("", "You exceeded your current quota"), Kind::Blocked),
            (401, error("", ""), Kind::Blocked),
            (403, error("", ""), Kind::Blocked),
            (402, error("", ""), Kind::Blocked),
            (404, error("model_not_found", ""), Kind::Blocked),
            (308, json!({}), Kind::Blocked),
            (400, error("", "response_format is not supported"), Kind::Refused { form: true }),
            (
                400,
                json!({"error": {"param": "response_format", "message": "no"}}),
                Kind::Refused { form: true },
            ),
            (422, json!({"detail": [{"loc": ["body", "response_format"]}]}), Kind::Refused { form: true }),
            (400, error("", "too long"), Kind::Refused { form: false }),
            (413, json!({}), Kind::Refused { form: false }),
            (400, error("content_filter", "no"), Kind::Filtered),
            (408, json!({}), Kind::Failed),
            (500, json!("oops"), Kind::Failed),
            (503, json!({"error": "overloaded"}), Kind::Failed),
            (529, json!({}), Kind::Failed),
        ] {
            assert_eq!(kind(status, body.clone()), wanted, "{status} {body}");
        }
    }

    #[test]
    fn a_reason_quotes_the_provider_and_says_what_to_do() {
        let error = of_answer(401, br#"{"error": {"message": "bad key"}}"#, None, "http://h/v1");
        assert_eq!(
            error.reason,
            "http://h/v1 answered 401 (bad key): check the key in the variable that model.api_key_env names, \
             then resume the job"
        );
        let spent =
            json!({"error": {"message": "$5 a day", "code": "daily_limit", "type": "insufficient_quota"}});
        let error = of_answer(402, spent.to_string().as_bytes(), None, "h");
        assert_eq!(error.reason, "h answered 402 ($5 a day): mend that at the gateway, then resume the job");
        assert_eq!(error.kind, Kind::Blocked);
        let long = of_answer(500, "x".repeat(50_000).as_bytes(), None, "h");
        assert!(long.reason.len() < 400 && long.raw.is_some_and(|raw| raw.len() == 20_000));
    }
}
