//! Speaks HTTP to Elasticsearch: the only module of this edge that names reqwest.
//!
//! A request comes back when it was answered. While the server is away or has no room, one request at a time
//! tries again and all others wait behind it, so that an outage costs one probe a pause and loses nothing.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Certificate, Url};
use tokio::time::sleep;

use super::condition::{Complaint, Condition, Trouble};
use super::reasons;
use crate::config::ElasticSettings;
use crate::llm::backoff::Backoff;
use crate::shutdown::Shutdown;
use crate::store::StoreGone;
use crate::text;

/// The pauses between probes.
const PAUSES: Backoff = Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(5) };
/// An answer that takes longer is worth a word.
const SLOW: Duration = Duration::from_secs(5);
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const IDLE_AT_MOST: Duration = Duration::from_secs(30);

/// An answer that sending again would not change.
#[derive(Debug)]
pub enum Reply {
    Answered(Vec<u8>),
    /// The request is refused as it is, because of its form or its size.
    Refused {
        reason: String,
    },
}

/// Connections to one cluster.
pub struct Client {
    http: reqwest::Client,
    base: Url,
    condition: Condition,
    shutdown: Shutdown,
    outage: Mutex<Option<Outage>>,
    /// Who holds it may try during an outage.
    probing: tokio::sync::Mutex<()>,
}

struct Outage {
    failures: u32,
    _complaint: Complaint,
}

impl Client {
    /// A client that has not connected yet.
    ///
    /// # Errors
    /// When the address or the certificates cannot be read.
    pub fn new(settings: &ElasticSettings, condition: Condition, shutdown: Shutdown) -> Result<Self, String> {
        let base = Url::parse(&format!("{}/", settings.url.reveal().trim_end_matches('/')))
            .map_err(|error| format!("{:?} is not an address: {error}", settings.url))?;
        let http = built(settings)?;
        let (outage, probing) = (Mutex::default(), tokio::sync::Mutex::default());
        Ok(Self { http, base, condition, shutdown, outage, probing })
    }

    /// Posts `body` to `path` (with its query) until it is answered.
    ///
    /// # Errors
    /// When the program is aborted meanwhile.
    pub async fn post(&self, path: &str, body: Vec<u8>) -> Result<Reply, StoreGone> {
        tokio::select! {
            biased;
            () = self.shutdown.aborted() => Err(StoreGone),
            reply = self.insist(path, Bytes::from(body)) => Ok(reply),
        }
    }

    async fn insist(&self, path: &str, body: Bytes) -> Reply {
        loop {
            let mut turn = None;
            if self.failures().is_some() {
                turn = Some(self.probing.lock().await);
            }
            match self.failures() {
                Some(failures) => sleep(PAUSES.after(failures)).await,
                None => turn = None, // it came back while we waited
            }
            match self.once(path, body.clone()).await {
                Ok(reply) => {
                    self.outage.lock().unwrap_or_else(PoisonError::into_inner).take();
                    return reply;
                }
                Err(reason) => self.failed(&reason, turn.is_some()),
            }
        }
    }

    async fn once(&self, path: &str, body: Bytes) -> Result<Reply, String> {
        let asking = self.ask(path, body);
        tokio::pin!(asking);
        tokio::select! {
            biased;
            reply = &mut asking => return reply,
            () = sleep(SLOW) => {}
        }
        let reason = format!("no answer for {} s", SLOW.as_secs());
        let _complaint = self.condition.complain(Trouble::Slow, &reason);
        asking.await
    }

    /// One try; an error is a reason to try again.
    async fn ask(&self, path: &str, body: Bytes) -> Result<Reply, String> {
        let url = self.base.join(path).map_err(|error| format!("{path} is no path: {error}"))?;
        let response = self.http.post(url).body(body).send().await.map_err(|error| cause(&error))?;
        let status = response.status().as_u16();
        let body = response.bytes().await.map_err(|error| cause(&error))?;
        match status {
            200..=299 => Ok(Reply::Answered(body.into())),
            400 | 413 => Ok(Reply::Refused { reason: reasons::of_body(&body) }),
            _ => Err(told(status, &reasons::of_body(&body))),
        }
    }

    fn failures(&self) -> Option<u32> {
        let outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        outage.as_ref().map(|outage| outage.failures)
    }

    /// What was in flight when it began fails together, and only probes make the pauses longer.
    fn failed(&self, reason: &str, probe: bool) {
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        match outage.as_mut() {
            Some(outage) => outage.failures = outage.failures.saturating_add(u32::from(probe)),
            None => {
                let complaint = self.condition.complain(Trouble::Outage, reason);
                *outage = Some(Outage { failures: 0, _complaint: complaint });
            }
        }
    }
}

fn built(settings: &ElasticSettings) -> Result<reqwest::Client, String> {
    // an error only says that a provider is installed already
    let _ = rustls::crypto::ring::default_provider().install_default();
    let headers = headers(settings)?;
    let builder = || {
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .default_headers(headers.clone())
            .timeout(settings.request_within)
            .connect_timeout(CONNECT_WITHIN.min(settings.request_within))
            .pool_idle_timeout(IDLE_AT_MOST)
            .user_agent(concat!("synthmill-consumer/", env!("CARGO_PKG_VERSION")))
    };
    let client = match certificates(settings)? {
        Some(trusted) => builder().tls_certs_only(trusted).build(),
        // a machine without root certificates can still reach a server over plain HTTP
        None => builder().build().or_else(|_| builder().tls_certs_only([]).build()),
    };
    client.map_err(|error| format!("cannot set up TLS for the record store: {}", cause(&error)))
}

fn certificates(settings: &ElasticSettings) -> Result<Option<Vec<Certificate>>, String> {
    let Some(file) = &settings.ca_file else { return Ok(None) };
    let shown = file.display();
    let pem = std::fs::read(file).map_err(|error| format!("{shown} cannot be read: {error}"))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if !found.is_empty() => Ok(Some(found)),
        Ok(_) => Err(format!("{shown} holds no certificate")),
        Err(error) => Err(format!("{shown} holds no certificates: {}", cause(&error))),
    }
}

fn headers(settings: &ElasticSettings) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    // bulks are taken under this name too
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(key) = &settings.api_key {
        let mut value = HeaderValue::from_str(&format!("ApiKey {}", key.reveal()))
            .map_err(|_| "the API key of the record store holds characters no header can carry".to_owned())?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn told(status: u16, reason: &str) -> String {
    let hint = match status {
        401 | 403 if !reason.contains("cluster_block_exception") => {
            "; check SYNTHMILL_ELASTICSEARCH__API_KEY and its rights"
        }
        404 | 405 => "; check SYNTHMILL_ELASTICSEARCH__URL",
        _ => "",
    };
    format!("the record store answers {status}: {reason}{hint}")
}

/// The innermost cause says what happened; the outer ones only repeat the address.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "the record store does not answer in time".to_owned();
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    format!("the record store does not answer: {}", text::cut(&cause.to_string(), 200))
}
