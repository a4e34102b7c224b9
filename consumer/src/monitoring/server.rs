//! Answers the three paths over HTTP: the only module that names hyper.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Metrics;
use crate::config::{self, MonitoringSettings};
use crate::health::{Health, Part};
use crate::shutdown::{Phase, Shutdown};

/// Connections at a time: a scraper and the probes need two or three.
const MOST_CONNECTIONS: usize = 32;
/// A client that does not send its request must not hold one of them for ever.
const HEADERS_WITHIN: Duration = Duration::from_secs(5);
/// Between two tries to accept when the process has no file handles left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

const JSON: &str = "application/json";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What is shown.
#[derive(Clone)]
pub struct Shown {
    pub health: Health,
    pub metrics: Metrics,
    pub shutdown: Shutdown,
}

/// Starts answering when a port is set, until the runtime ends; tells the address that it listens on.
///
/// # Errors
/// When the address cannot be had.
pub async fn serve(settings: &MonitoringSettings, shown: Shown) -> Result<Option<SocketAddr>, String> {
    let Some(port) = settings.port else { return Ok(None) };
    let cannot = |error| {
        format!(
            "monitoring cannot listen on {}:{port} ({error}): change SYNTHMILL_MONITORING__HOST or \
             SYNTHMILL_MONITORING__PORT",
            settings.host
        )
    };
    let listener = TcpListener::bind((settings.host.as_str(), port)).await.map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let metrics = settings.metrics;
    tokio::spawn(accept(listener, shown, metrics));
    tracing::info!(%address, "monitoring listens");
    Ok(Some(address))
}

async fn accept(listener: TcpListener, shown: Shown, metrics: config::Metrics) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, shown.clone(), metrics, place))),
            Err(error) => {
                tracing::debug!(%error, "monitoring cannot accept a connection");
                tokio::time::sleep(ACCEPT_AGAIN).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, shown: Shown, metrics: config::Metrics, _place: OwnedSemaphorePermit) {
    let service = service_fn(|request: Request<Incoming>| {
        let response = answer(request.method(), request.uri().path(), &shown, metrics);
        async move { Ok::<_, Infallible>(response) }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to monitoring broke off");
    }
}

fn answer(method: &Method, path: &str, shown: &Shown, metrics: config::Metrics) -> Response<Full<Bytes>> {
    let answer: fn(&Shown) -> Response<Full<Bytes>> = match path {
        "/healthz" => |_| respond(StatusCode::OK, JSON, r#"{"status":"alive"}"#.to_owned()),
        "/readyz" => ready,
        "/metrics" if metrics == config::Metrics::Served => counted,
        _ => return respond(StatusCode::NOT_FOUND, JSON, r#"{"detail":"not found"}"#.to_owned()),
    };
    if matches!(*method, Method::GET | Method::HEAD) {
        return answer(shown);
    }
    let refusal = r#"{"detail":"only GET is allowed"}"#.to_owned();
    let mut response = respond(StatusCode::METHOD_NOT_ALLOWED, JSON, refusal);
    response.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
    response
}

#[derive(Serialize)]
struct Readiness {
    ready: bool,
    checks: BTreeMap<&'static str, String>,
}

/// A program that drains takes no more work, whatever its far ends say.
fn ready(shown: &Shown) -> Response<Full<Bytes>> {
    let running = shown.shutdown.phase() == Phase::Running;
    let mut checks: BTreeMap<&'static str, String> =
        shown.health.checks().into_iter().map(|(part, words)| (name(part), words)).collect();
    checks.insert("running", if running { "ok" } else { "the program is told to stop" }.to_owned());
    let ready = checks.values().all(|words| words == "ok");
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    match serde_json::to_string(&Readiness { ready, checks }) {
        Ok(body) => respond(status, JSON, body),
        Err(error) => broken(&error.to_string()),
    }
}

fn name(part: Part) -> &'static str {
    super::words::part(part)
}

fn counted(shown: &Shown) -> Response<Full<Bytes>> {
    match shown.metrics.text() {
        Ok(text) => respond(StatusCode::OK, OPEN_METRICS, text),
        Err(error) => broken(&error.to_string()),
    }
}

fn broken(cause: &str) -> Response<Full<Bytes>> {
    tracing::warn!(cause, "monitoring cannot answer");
    respond(StatusCode::INTERNAL_SERVER_ERROR, JSON, r#"{"detail":"see the log"}"#.to_owned())
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}
