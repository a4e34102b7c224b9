//! Speaks HTTP to a provider: the only module that names reqwest and rustls.

use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use serde::Deserialize;
use serde_json::Value;

use super::backoff;
use super::error::{self, CallError, Kind};
use crate::contract::RequestModel;
use crate::text;

/// Longest answer that is read.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Servers commonly close after 5 s: a connection that they close while we send is an attempt lost.
const IDLE_AT_MOST: Duration = Duration::from_secs(4);
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// Whom to call.
#[derive(Clone)]
pub struct Target {
    pub base_url: String,
    /// The address as it may be shown: without user and password.
    pub shown: String,
    pub route: String,
    pub timeout: Duration,
    key: Option<String>,
}

impl Target {
    /// The target of `model`, its key read by `variable`.
    ///
    /// # Errors
    /// Says which variable is missing and what to do.
    pub fn of(
        model: &RequestModel,
        gateway: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let key = match &model.api_key_env {
            None => None,
            Some(name) => match variable(name).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty())
            {
                Some(key) => Some(key),
                None => {
                    return Err(format!(
                        "the variable {name}, which model.api_key_env names, is not set where the consumer runs: \
                         set it, start the consumer again and resume the job"
                    ));
                }
            },
        };
        let base_url = model.base_url.as_deref().unwrap_or(gateway).trim_end_matches('/').to_owned();
        Ok(Self {
            shown: text::without_user(&base_url),
            base_url,
            route: model.route.clone(),
            timeout: Duration::from_secs_f64(model.timeout_seconds),
            key,
        })
    }
}

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

/// One call's identity, sent as headers.
pub struct Identity<'call> {
    pub call_id: &'call str,
    pub attempt_ids: &'call str,
    pub traceparent: Option<&'call str>,
}

/// Connections to all providers.
pub struct Client {
    outside: reqwest::Client,
    /// For addresses on this machine, which no proxy can reach.
    here: reqwest::Client,
}

impl Client {
    /// A client that keeps up to `idle` connections open to each address.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(idle: usize) -> Result<Self, String> {
        // an error only says that a provider is installed already
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .redirect(Policy::none())
                .pool_max_idle_per_host(idle)
                .pool_idle_timeout(IDLE_AT_MOST)
                .connect_timeout(CONNECT_WITHIN)
                .user_agent(concat!("synthmill-consumer/", env!("CARGO_PKG_VERSION")))
        };
        let build = |proxy: bool| {
            let builder = || if proxy { builder() } else { builder().no_proxy() };
            builder().build().or_else(|error| {
                // a machine without root certificates can still reach a gateway over plain HTTP
                tracing::warn!(error = %chain(&error), "no root certificates: https addresses are not trusted");
                builder().tls_certs_only([]).build()
            })
        };
        match (build(true), build(false)) {
            (Ok(outside), Ok(here)) => Ok(Self { outside, here }),
            (Err(error), _) | (_, Err(error)) => Err(format!("cannot set up TLS: {}", chain(&error))),
        }
    }

    /// Posts `body` to the target's chat completions and reads the answer.
    ///
    /// # Errors
    /// Whatever went wrong, with its decision.
    pub async fn chat(
        &self,
        target: &Target,
        body: Vec<u8>,
        identity: &Identity<'_>,
    ) -> Result<Answer, CallError> {
        let whom = &target.shown;
        let headers = headers(target, identity)?;
        let url = format!("{}/chat/completions", target.base_url);
        let pool = if is_here(&target.base_url) { &self.here } else { &self.outside };
        let request = pool.post(url).headers(headers).body(body);
        let mut response =
            request.timeout(target.timeout).send().await.map_err(|error| not_sent(&error, whom))?;
        let status = response.status().as_u16();
        let asked = asked_wait(response.headers());
        let cost = header(response.headers(), "x-synthmill-cost-usd").and_then(|text| text.parse().ok());
        let body =
            read(&mut response, whom).await.map_err(|error| CallError { status: Some(status), ..error })?;
        if !(200..300).contains(&status) {
            return Err(error::of_answer(status, &body, asked, whom));
        }
        answer(&body, status, cost, whom)
    }
}

fn is_here(base_url: &str) -> bool {
    let host = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    ["127.", "localhost", "[::1]"].iter().any(|name| host.starts_with(name))
}

fn headers(target: &Target, identity: &Identity<'_>) -> Result<HeaderMap, CallError> {
    let value = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| {
            CallError::new(
                Kind::Blocked,
                "the API key or an id holds characters that no header can carry".to_owned(),
            )
        })
    };
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert("idempotency-key", value(identity.call_id)?);
    headers.insert("x-synthmill-attempt-ids", value(identity.attempt_ids)?);
    if let Some(trace) = identity.traceparent.and_then(|trace| HeaderValue::from_str(trace).ok()) {
        headers.insert("traceparent", trace);
    }
    if let Some(key) = &target.key {
        let mut bearer = value(&format!("Bearer {key}"))?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
    }
    Ok(headers)
}

fn not_sent(error: &reqwest::Error, whom: &str) -> CallError {
    let cause = chain(error);
    if error.is_builder() {
        return CallError::new(
            Kind::Blocked,
            format!(
                "{whom} is not an address that can be called ({cause}): check model.base_url, then resume the job"
            ),
        );
    }
    if error.is_connect() {
        return CallError::new(Kind::Unreachable, format!("{whom} cannot be reached ({cause})"));
    }
    if error.is_timeout() {
        return CallError::new(Kind::Failed, format!("{whom} did not answer within model.timeout_seconds"));
    }
    CallError::new(Kind::Failed, format!("{whom} broke off before an answer came ({cause})"))
}

/// The innermost cause says what happened; the outer ones only repeat the address.
fn chain(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    text::cut(&cause.to_string(), 200)
}

async fn read(response: &mut reqwest::Response, whom: &str) -> Result<Vec<u8>, CallError> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MOST_BYTES => {
                return Err(CallError::new(
                    Kind::Failed,
                    format!("{whom} answered more than {MOST_BYTES} bytes"),
                ));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => {
                let reason = format!("{whom} did not finish its answer within model.timeout_seconds");
                return Err(CallError {
                    raw: Some(error::raw(&body)),
                    ..CallError::new(Kind::Failed, reason)
                });
            }
            Err(error) => {
                let reason = format!("{whom} broke off its answer ({})", chain(&error));
                return Err(CallError {
                    raw: Some(error::raw(&body)),
                    ..CallError::new(Kind::Failed, reason)
                });
            }
        }
    }
}

fn header<'map>(headers: &'map HeaderMap, name: &str) -> Option<&'map str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn asked_wait(headers: &HeaderMap) -> Option<Duration> {
    backoff::asked(
        header(headers, "retry-after-ms"),
        header(headers, RETRY_AFTER.as_str()),
        SystemTime::now(),
    )
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

/// The answer in a 2xx body.
fn answer(body: &[u8], status: u16, header_cost: Option<f64>, whom: &str) -> Result<Answer, CallError> {
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
    use super::*;
    use serde_json::json;

    fn read_answer(body: &Value) -> Result<Answer, CallError> {
        answer(body.to_string().as_bytes(), 200, None, "x")
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
            assert_eq!(answer(body.as_bytes(), 200, None, "x").unwrap_err().kind, Kind::Failed, "{body}");
        }
        let inside = json!({"error": {"code": 429, "message": "slow down"}});
        assert_eq!(read_answer(&inside).unwrap_err().kind, Kind::RateLimited);
    }

    #[test]
    fn a_missing_key_names_its_variable() {
        let model: RequestModel =
            serde_json::from_value(json!({"route": "r", "api_key_env": "MY_KEY"})).unwrap();
        let target = Target::of(&model, "http://g/v1/", |_| Some("k".to_owned())).unwrap();
        assert_eq!(target.base_url, "http://g/v1");
        assert!(Target::of(&model, "http://g/v1", |_| None).err().unwrap().contains("MY_KEY"));
    }
}
