//! What the running program shows over HTTP.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};

use crate::support::{Consumer, Provider, Say, command, completion, request, title, wait_until};

/// A running program and where it shows itself.
pub fn start(arguments: &[&str], variables: &[(&str, &str)]) -> (Consumer, SocketAddr) {
    let mut command = command(arguments, variables);
    command.env("SYNTHMILL_MONITORING__PORT", "0").env("SYNTHMILL_LOG__LEVEL", "info").stderr(Stdio::piped());
    let mut consumer = Consumer::spawn(&mut command);
    let mut log = BufReader::new(consumer.child.stderr.take().unwrap()).lines().map_while(Result::ok);
    let address = log
        .by_ref()
        .map(|line| serde_json::from_str::<Value>(&line).unwrap())
        .find(|line| line["message"] == "monitoring listens")
        .and_then(|line| line["address"].as_str()?.parse().ok())
        .expect("the address in the log");
    thread::spawn(move || log.for_each(drop));
    (consumer, address)
}

/// Status, content type and body.
fn get(address: SocketAddr, method: &str, path: &str) -> (u16, String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let kind = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap_or_default();
    (status, kind.to_owned(), body.to_owned())
}

/// The samples by name and labels as written; every sample belongs to a declared family.
pub fn metrics(address: SocketAddr) -> HashMap<String, f64> {
    let (status, kind, body) = get(address, "GET", "/metrics");
    assert_eq!((status, kind.as_str()), (200, "application/openmetrics-text; version=1.0.0; charset=utf-8"));
    assert!(body.ends_with("# EOF\n"));
    let mut families = HashMap::new();
    let mut samples = HashMap::new();
    for line in body.lines() {
        if let Some(declared) = line.strip_prefix("# TYPE ") {
            let (name, kind) = declared.split_once(' ').unwrap();
            assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} is declared twice");
        } else if !line.starts_with('#') {
            let (sample, value) = line.rsplit_once(' ').unwrap();
            let name = sample.split('{').next().unwrap();
            let suffixes = ["", "_total", "_sum", "_count", "_bucket", "_info"];
            let family = suffixes.iter().find_map(|suffix| families.get(name.strip_suffix(suffix)?));
            assert!(family.is_some() && name.starts_with("synthmill_consumer_"), "{line}");
            assert!(samples.insert(sample.to_owned(), value.parse().unwrap()).is_none(), "{sample} twice");
        }
    }
    samples
}

pub fn value(samples: &HashMap<String, f64>, sample: &str) -> f64 {
    let name = format!("synthmill_consumer_{sample}");
    *samples.get(&name).unwrap_or_else(|| panic!("{name} is not among {samples:#?}"))
}

#[test]
fn what_was_done_can_be_read_as_metrics() {
    let provider = Provider::start(|call, number| match (number, call.user()) {
        (0, _) => Say::Status(429, vec![("retry-after", "0.01".to_owned())], "{}".to_owned()),
        (1, _) => Say::Content(title("x")),
        (_, user) if user.contains("p7") => {
            Say::Completion(completion(json!({"content": null, "refusal": "no"}), "stop"))
        }
        _ => Say::Content(title("Green tea")),
    });
    let (mut consumer, address) = start(&["--concurrency", "1", "--prefetch", "1"], &[]);
    consumer.send(&request(&provider.url, "j1", 0, 1));
    consumer.send(&request(&provider.url, "j1", 7, 1));
    consumer.send(&json!({"kind": "generation_request"}));
    for _ in 0..3 {
        consumer.until("settled");
    }
    // a line is written before its delivery has left the count
    wait_until("the last settlement", || value(&metrics(address), "requests_in_flight") == 0.0);
    let samples = metrics(address);
    for (sample, wanted) in [
        ("deliveries_total{outcome=\"done\"}", 2.0),
        ("deliveries_total{outcome=\"invalid\"}", 1.0),
        ("deliveries_total{outcome=\"left\"}", 0.0),
        ("slots_total{outcome=\"accepted\"}", 1.0),
        ("slots_total{outcome=\"exhausted\"}", 1.0),
        ("rejects_total{class=\"schema\"}", 1.0),
        ("rejects_total{class=\"refusal\"}", 1.0),
        ("llm_calls_total{model=\"mock\",outcome=\"answered\"}", 3.0),
        ("llm_calls_total{model=\"mock\",outcome=\"rate_limited\"}", 1.0),
        ("llm_tokens_total{model=\"mock\",kind=\"prompt\"}", 33.0),
        ("llm_tokens_total{model=\"mock\",kind=\"completion\"}", 21.0),
        ("llm_cost_dollars_total{model=\"mock\"}", 1.5),
        ("llm_call_duration_seconds_count{model=\"mock\"}", 4.0),
        ("llm_call_duration_seconds_bucket{le=\"+Inf\",model=\"mock\"}", 4.0),
        ("llm_retries_total{model=\"mock\",reason=\"throttled\"}", 1.0),
        ("llm_retries_total{model=\"mock\",reason=\"failed\"}", 0.0),
        ("llm_concurrency_limit{model=\"mock\"}", 1.0),
        ("llm_calls_in_flight{model=\"mock\"}", 0.0),
        ("reconnects_total{part=\"broker\"}", 0.0),
    ] {
        assert_eq!(value(&samples, sample), wanted, "{sample}");
    }
    let state = format!("llm_breaker_state{{address=\"{}\",state=\"closed\"}}", provider.url);
    assert_eq!(value(&samples, &state), 1.0);
    assert!(consumer.finish().1.success());
}

#[test]
fn a_program_that_is_told_to_stop_is_alive_but_not_ready() {
    let (open, gate) = channel();
    let gate = Arc::new(Mutex::new(gate));
    let provider = Provider::start(move |_, _| Say::Wait(gate.clone(), title("Green tea")));
    let (mut consumer, address) = start(&[], &[]);
    assert_eq!(get(address, "GET", "/readyz").0, 200);
    consumer.send(&request(&provider.url, "j1", 0, 1));
    provider.wait_for(1);
    assert_eq!(value(&metrics(address), "requests_in_flight"), 1.0);
    assert_eq!(value(&metrics(address), "llm_calls_in_flight{model=\"mock\"}"), 1.0);
    consumer.terminate();
    wait_until("not ready", || get(address, "GET", "/readyz").0 == 503);
    let (_, kind, body) = get(address, "GET", "/readyz");
    assert_eq!(kind, "application/json");
    assert_eq!(
        serde_json::from_str::<Value>(&body).unwrap(),
        json!({"ready": false, "checks": {"running": "the program is told to stop"}})
    );
    assert_eq!(get(address, "GET", "/healthz").0, 200);
    open.send(()).unwrap();
    assert!(consumer.finish().1.success());
}

#[test]
fn models_beyond_the_hundredth_share_one_name() {
    let provider = Provider::start(|_, _| Say::Content(title("Green tea")));
    let (mut consumer, address) = start(&[], &[]);
    for slot in 0..130 {
        let mut asked = request(&provider.url, "j1", slot, 1);
        asked["model"]["route"] = json!(format!("made/up-{slot}\"\n"));
        consumer.send(&asked);
    }
    for _ in 0..130 {
        consumer.until("settled");
    }
    let samples = metrics(address);
    let answered = |sample: &&String| sample.contains("llm_calls_total{") && sample.contains("answered");
    let names: HashSet<&String> = samples.keys().filter(answered).collect();
    assert_eq!(names.len(), 101);
    assert_eq!(value(&samples, "llm_calls_total{model=\"other\",outcome=\"answered\"}"), 30.0);
    assert_eq!(
        value(&samples, "llm_concurrency_limit{model=\"other\"}"),
        30.0 * 17.0,
        "each has had one success"
    );
    assert!(consumer.finish().1.success());
}

#[test]
fn other_paths_and_methods_are_refused() {
    let (consumer, address) = start(&[], &[]);
    assert_eq!(get(address, "GET", "/").0, 404);
    assert_eq!(get(address, "POST", "/metrics").0, 405);
    assert_eq!(get(address, "HEAD", "/healthz"), (200, "application/json".to_owned(), String::new()));
    assert!(consumer.finish().1.success());
    let (consumer, address) = start(&[], &[("SYNTHMILL_MONITORING__METRICS", "false")]);
    assert_eq!(get(address, "GET", "/metrics").0, 404);
    assert!(consumer.finish().1.success());
}

#[test]
fn an_address_that_is_taken_ends_the_program_with_what_to_change() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = command(&[], &[("SYNTHMILL_MONITORING__PORT", &port)])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("change SYNTHMILL_MONITORING__HOST"));
}
