//! Speaks HTTP to a provider: the only module that names reqwest and rustls.

use std::time::{Duration, SystemTime};

use super::answer::{self, Answer};
use super::backoff;
use super::error::{self, CallError, Kind};
use super::told::{self, Told};
use crate::contract::RequestModel;
use crate::text;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;

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

/// What the gateway wants from whoever calls it; no other address is ever told.
const GATEWAY_TOKEN: &str = "SYNTHMILL_GATEWAY__TOKEN";

impl Target {
    /// The target of `model`, its key read by `variable`. The gateway gets its own token where no key is named.
    ///
    /// # Errors
    /// Says which variable is missing and what to do.
    pub fn of(
        model: &RequestModel,
        gateway: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, String> {
        let read = |name: &str| variable(name).map(|key| key.trim().to_owned()).filter(|key| !key.is_empty());
        let key = match &model.api_key_env {
            None if model.base_url.is_none() => read(GATEWAY_TOKEN),
            None => None,
            Some(name) => match read(name) {
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

/// Where an address's chat completions are, read once.
pub struct Address {
    /// None: it is not an address.
    url: Option<reqwest::Url>,
    /// On this machine: no proxy can reach it.
    here: bool,
}

impl Address {
    /// The chat completions below `base_url`.
    pub fn of(base_url: &str) -> Self {
        let url = reqwest::Url::parse(&format!("{base_url}/chat/completions")).ok();
        let host = url.as_ref().and_then(|url| url.host_str()).unwrap_or_default();
        let here = host == "localhost" || host == "[::1]" || host.starts_with("127.");
        Self { url, here }
    }
}

/// One call's identity, sent as headers.
pub struct Identity<'call> {
    pub call_id: &'call str,
    pub attempt_ids: &'call str,
    pub traceparent: Option<&'call str>,
}

/// What came of a call.
pub struct Heard {
    pub result: Result<Answer, CallError>,
    /// Nothing when no answer came.
    pub told: Told,
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
                if proxy {
                    tracing::warn!(error = %chain(&error), "no root certificates: https addresses are not trusted");
                }
                builder().tls_certs_only([]).build()
            })
        };
        match (build(true), build(false)) {
            (Ok(outside), Ok(here)) => Ok(Self { outside, here }),
            (Err(error), _) | (_, Err(error)) => Err(format!("cannot set up TLS: {}", chain(&error))),
        }
    }

    /// Posts `body` to the target's chat completions and reads the answer. What went wrong comes with its decision.
    pub async fn chat(
        &self,
        target: &Target,
        address: &Address,
        body: Vec<u8>,
        identity: &Identity<'_>,
    ) -> Heard {
        let mut told = Told::default();
        let result = self.exchange(target, address, body, identity, &mut told).await;
        Heard { result, told }
    }

    async fn exchange(
        &self,
        target: &Target,
        address: &Address,
        body: Vec<u8>,
        identity: &Identity<'_>,
        told: &mut Told,
    ) -> Result<Answer, CallError> {
        let whom = &target.shown;
        let headers = headers(target, identity)?;
        let Some(url) = &address.url else { return Err(no_address(whom, "it cannot be read")) };
        let pool = if address.here { &self.here } else { &self.outside };
        let request = pool.post(url.clone()).headers(headers).body(body);
        let mut response =
            request.timeout(target.timeout).send().await.map_err(|error| not_sent(&error, whom))?;
        let status = response.status().as_u16();
        *told = told::read(|name| header(response.headers(), name));
        let asked = asked_wait(response.headers());
        let cost = header(response.headers(), "x-synthmill-cost-usd").and_then(|text| text.parse().ok());
        let body =
            read(&mut response, whom).await.map_err(|error| CallError { status: Some(status), ..error })?;
        if !(200..300).contains(&status) {
            return Err(error::of_answer(status, &body, asked, whom));
        }
        answer::read(&body, status, cost, whom)
    }
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

fn no_address(whom: &str, cause: &str) -> CallError {
    let reason = format!(
        "{whom} is not an address that can be called ({cause}): check model.base_url, then resume the job"
    );
    CallError::new(Kind::Blocked, reason)
}

fn not_sent(error: &reqwest::Error, whom: &str) -> CallError {
    let cause = chain(error);
    if error.is_builder() {
        return no_address(whom, &cause);
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_missing_key_names_its_variable() {
        let model: RequestModel =
            serde_json::from_value(json!({"route": "r", "api_key_env": "MY_KEY"})).unwrap();
        let target = Target::of(&model, "http://g/v1/", |_| Some("k".to_owned())).unwrap();
        assert_eq!(target.base_url, "http://g/v1");
        assert!(Target::of(&model, "http://g/v1", |_| None).err().unwrap().contains("MY_KEY"));
    }

    #[test]
    fn the_gateways_token_goes_to_the_gateway_alone() {
        let token = |name: &str| (name == "SYNTHMILL_GATEWAY__TOKEN").then(|| "t".to_owned());
        let key = |model: serde_json::Value| {
            let model: RequestModel = serde_json::from_value(model).unwrap();
            Target::of(&model, "http://g/v1", token).unwrap().key
        };
        assert_eq!(key(json!({"route": "r"})).as_deref(), Some("t"));
        assert_eq!(key(json!({"route": "r", "base_url": "http://elsewhere/v1"})), None);
    }
}
