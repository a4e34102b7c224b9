//! Indexes of the real server for tests, made by Python as a worker makes them when it starts.
//!
//! They need `SYNTHMILL_TEST_STACK=1` and a server at `SYNTHMILL_ELASTICSEARCH__URL`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use serde_json::{Value, json};
use synthmill_consumer::config::{Address, ElasticSettings};
use synthmill_consumer::elastic::{Elastic, connect};
use synthmill_consumer::health::{Health, Part};
use synthmill_consumer::llm::provider::{CallSettings, Providers};
use synthmill_consumer::monitoring::Metrics;
use synthmill_consumer::shutdown::Shutdown;

pub const TENANT: &str = "acme";
pub const DATASET: &str = "tickets";

static SHARED: Mutex<Weak<Place>> = Mutex::new(Weak::new());

/// Indexes that go with the last test that uses them.
pub struct Place {
    location: String,
    pub prefix: String,
}

/// Whether the real servers are to be used.
pub fn wanted() -> bool {
    std::env::var("SYNTHMILL_TEST_STACK").is_ok_and(|value| value == "1")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn python(what: &str, location: &str) -> String {
    let done = Command::new(root().join(".venv/bin/python"))
        .args(["-m", "tests.support.elastic_place", what, location])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

impl Place {
    /// Indexes of its own.
    pub fn make() -> Self {
        let location = format!("rust-{:016x}", fastrand::u64(..));
        let prefix = python("make", &location);
        Self { location, prefix }
    }

    /// The indexes that tests share, each with slots of its own.
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let place = Arc::new(Self::make());
            *shared = Arc::downgrade(&place);
            place
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        python("remove", &self.location);
    }
}

/// A consumer's far end, and how it says it is.
pub struct Consumer {
    pub elastic: Elastic,
    pub health: Health,
    pub shutdown: Shutdown,
}

/// Connects as a consumer does.
pub fn consumer(prefix: &str) -> Consumer {
    consumer_at(&url(), prefix)
}

/// The same to a server of the test's own.
pub fn consumer_at(url: &str, prefix: &str) -> Consumer {
    let (health, shutdown) = (Health::needing(&[Part::Store]), Shutdown::default());
    let metrics = Metrics::new(&Providers::new(CallSettings::default()));
    let elastic = connect(&settings(url, prefix), health.clone(), metrics, &shutdown).unwrap();
    Consumer { elastic, health, shutdown }
}

fn settings(url: &str, prefix: &str) -> ElasticSettings {
    ElasticSettings {
        url: Address::new(url.to_owned()),
        api_key: None,
        ca_file: None,
        prefix: prefix.to_owned(),
        request_within: Duration::from_secs(30),
    }
}

fn url() -> String {
    let given = std::env::var("SYNTHMILL_ELASTICSEARCH__URL");
    given.unwrap_or_else(|_| "http://127.0.0.1:29200".to_owned()).trim_end_matches('/').to_owned()
}

/// Asks the server without us between.
pub async fn ask(method: &str, path: &str, body: Option<Value>) -> Value {
    let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
    let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
    let mut request = client.request(method, format!("{}/{path}", url()));
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_string());
    }
    serde_json::from_str(&request.send().await.unwrap().text().await.unwrap()).unwrap()
}

/// A document as it lies in an index; null when it is not there.
pub async fn raw(index: &str, key: &str) -> Value {
    let found = ask("POST", "_mget", Some(json!({"docs": [{"_index": index, "_id": key}]}))).await;
    found["docs"][0]["_source"].clone()
}
