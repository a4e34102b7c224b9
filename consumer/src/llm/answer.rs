//! What a model answered, read from the body of a chat completion. Pure.

use serde::Deserialize;
use serde_json::Value;

use super::error::{self, CallError, Kind};

/// How the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    Stop,
    /// At its length limit.
    Length,
    /// By the provider's filter.
    Filtered,
}

/// What a model answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub content: String,
    pub refusal: Option<String>,
    pub finish: Finish,
    pub model: Option<String>,
    pub prompt_tokens: u64,
    pub completion_tokens: u64,
    pub cost_usd: Option<f64>,
    pub status: u16,
}

#[derive(Deserialize)]
struct Body {
    #[serde(default)]
    choices: Vec<Choice>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    #[serde(default)]
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    refusal: Option<String>,
}

#[derive(Default, Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    cost: Option<f64>,
}

/// Reads the answer in a 2xx body.
///
/// # Errors
/// A body that is no chat completion may have been paid; an error inside it is judged as one.
pub fn read(body: &[u8], status: u16, header_cost: Option<f64>, whom: &str) -> Result<Answer, CallError> {
    let broken = |what: String| CallError {
        status: Some(status),
        raw: Some(error::raw(body)),
        ..CallError::new(Kind::Failed, format!("{whom} answered {status} {what}"))
    };
    let parsed: Body = serde_json::from_slice(body)
        .map_err(|error| broken(format!("with a body that is no chat completion ({error})")))?;
    let Some(choice) = parsed.choices.into_iter().next() else {
        return match parsed.error {
            // some routers report an error of the provider behind them under 200
            Some(inside) => Err(CallError { status: Some(status), ..hidden(&inside, body, whom) }),
            None => Err(broken("without a choice".to_owned())),
        };
    };
    let usage = parsed.usage.unwrap_or_default();
    let finish = match choice.finish_reason.as_deref() {
        Some("length" | "max_tokens") => Finish::Length,
        Some("content_filter") => Finish::Filtered,
        _ => Finish::Stop,
    };
    let cost = header_cost.or(usage.cost).filter(|cost: &f64| cost.is_finite() && *cost >= 0.0);
    Ok(Answer {
        content: words(choice.message.content),
        refusal: choice.message.refusal.filter(|text| !text.is_empty()),
        finish,
        model: parsed.model,
        prompt_tokens: usage.prompt_tokens.unwrap_or(0),
        completion_tokens: usage.completion_tokens.unwrap_or(0),
        cost_usd: cost,
        status,
    })
}

fn hidden(inside: &Value, body: &[u8], whom: &str) -> CallError {
    let code = inside.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    error::of_answer(code.filter(|code| *code >= 300).unwrap_or(502), body, None, whom)
}

/// Content is text or a list of parts with text.
fn words(content: Option<Value>) -> String {
    match content {
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => {
            parts.iter().filter_map(|part| part.get("text").and_then(Value::as_str)).collect()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_answer(body: &Value) -> Result<Answer, CallError> {
        read(body.to_string().as_bytes(), 200, None, "x")
    }

    #[test]
    fn an_answer_is_read_with_its_usage() {
        let answer = read_answer(&json!({
            "model": "m-1", "choices": [{"message": {"content": "{}"}, "finish_reason": "length"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.5}
        }))
        .unwrap();
        assert_eq!((answer.content.as_str(), answer.finish), ("{}", Finish::Length));
        assert_eq!((answer.prompt_tokens, answer.completion_tokens, answer.cost_usd), (3, 4, Some(0.5)));
        let parts =
            json!({"choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"text": "b"}]}}]});
        assert_eq!(read_answer(&parts).unwrap().content, "ab");
        let refusal =
            json!({"choices": [{"message": {"content": null, "refusal": "no"}, "finish_reason": "stop"}]});
        assert_eq!(read_answer(&refusal).unwrap().refusal.as_deref(), Some("no"));
    }

    #[test]
    fn a_broken_body_may_have_been_paid() {
        for body in ["", "<html>", "{}", r#"{"choices": []}"#, "[1]", r#"{"choices": [{}]}"#] {
            assert_eq!(read(body.as_bytes(), 200, None, "x").unwrap_err().kind, Kind::Failed, "{body}");
        }
        let inside = json!({"error": {"code": 429, "message": "slow down"}});
        assert_eq!(read_answer(&inside).unwrap_err().kind, Kind::RateLimited);
    }
}
