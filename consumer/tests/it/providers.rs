//! Providers that slow down, fail, refuse or are not there.

use serde_json::{Value, json};

use crate::monitoring;
use crate::support::{
    Consumer, Provider, Say, completion, kinds, of_kind, request, run, texts, title, wait_until,
};

const QUICK: [(&str, &str); 2] = [
    ("SYNTHMILL_CONSUMER__RETRY__BASE_SECONDS", "0.01"),
    ("SYNTHMILL_CONSUMER__RETRY__BUDGET_PER_SECOND", "1000"),
];

fn run_quick(requests: &[Value]) -> Vec<Value> {
    let mut consumer = Consumer::start(&[], &QUICK);
    requests.iter().for_each(|request| consumer.send(request));
    let (lines, status) = consumer.finish();
    assert!(status.success());
    lines
}

#[test]
fn a_429_is_no_attempt_and_is_told_once() {
    let provider = Provider::start(|_, number| match number {
        0 | 1 => Say::Status(
            429,
            vec![("retry-after", "0.05".to_owned())],
            json!({"error": {"message": "slow down"}}).to_string(),
        ),
        _ => Say::Content(title("Green tea")),
    });
    let lines = run(&[], &[request(&provider.url, "j1", 0, 1)]);
    assert_eq!(texts(&of_kind(&lines, "call"), "outcome"), ["rate_limited", "rate_limited", "answered"]);
    assert!(of_kind(&lines, "reject").is_empty());
    assert_eq!(of_kind(&lines, "slot")[0]["provenance"]["attempt"], 1);
    let ids: std::collections::HashSet<String> =
        provider.calls().iter().map(|call| call.headers["x-synthmill-attempt-ids"].clone()).collect();
    assert_eq!(ids.len(), 1, "the same attempt each time");
    let events = of_kind(&lines, "event");
    assert_eq!(texts(&events, "name"), ["provider.saturated"]);
    assert_eq!(events[0]["fields"]["concurrency"], 12);
}

#[test]
fn a_failure_that_may_have_been_paid_is_an_attempt() {
    let provider = Provider::start(|_, number| match number {
        0 => Say::Status(500, vec![], "oops".to_owned()),
        1 => Say::Hangup,
        2 => Say::Status(200, vec![], "<html>".to_owned()),
        _ => Say::Content(title("Green tea")),
    });
    let lines = run_quick(&[request(&provider.url, "j1", 0, 1)]);
    assert_eq!(texts(&of_kind(&lines, "call"), "outcome"), ["failed", "failed", "failed", "answered"]);
    let rejects = of_kind(&lines, "reject");
    assert_eq!(texts(&rejects, "reject_class"), ["provider"; 3]);
    assert_eq!(texts(&rejects, "reject_id"), ["j1-0-1-1", "j1-0-1-2", "j1-0-1-3"]);
    assert_eq!(rejects[0]["raw"], "oops");
    assert_eq!(of_kind(&lines, "slot")[0]["provenance"]["attempt"], 4);
}

#[test]
fn a_call_that_takes_too_long_is_an_attempt() {
    let (_open, gate) = std::sync::mpsc::channel();
    let gate = std::sync::Arc::new(std::sync::Mutex::new(gate));
    let provider = Provider::start(move |_, number| match number {
        0 => Say::Wait(gate.clone(), title("Late")),
        _ => Say::Content(title("Green tea")),
    });
    let mut asked = request(&provider.url, "j1", 0, 1);
    asked["model"]["timeout_seconds"] = json!(0.2);
    let lines = run_quick(&[asked]);
    let rejects = of_kind(&lines, "reject");
    assert!(rejects[0]["reason"].as_str().unwrap().contains("model.timeout_seconds"));
    assert_eq!(of_kind(&lines, "slot")[0]["data"]["title"], "Green tea");
}

#[test]
fn an_answer_beyond_all_bounds_is_not_read_to_its_end() {
    let provider = Provider::start(|_, number| match number {
        0 => Say::Content("x".repeat(9 * 1024 * 1024)),
        _ => Say::Content(title("Green tea")),
    });
    let lines = run_quick(&[request(&provider.url, "j1", 0, 1)]);
    assert!(of_kind(&lines, "reject")[0]["reason"].as_str().unwrap().contains("more than 8388608 bytes"));
    assert_eq!(of_kind(&lines, "slot").len(), 1);
}

#[test]
fn a_refused_key_blocks_the_job_until_a_later_round() {
    let provider = Provider::start(|call, _| match call.headers.get("authorization").map(String::as_str) {
        Some("Bearer right") => Say::Content(title("Green tea")),
        _ => Say::Status(401, vec![], json!({"error": {"message": "bad key"}}).to_string()),
    });
    let variables = [("OLD_KEY", "wrong"), ("NEW_KEY", "right")];
    let mut consumer = Consumer::start(&["--concurrency", "1", "--prefetch", "1"], &variables);
    let with_key = |key: &str, first, round: u64| {
        let mut asked = request(&provider.url, "j1", first, 1);
        asked["model"]["api_key_env"] = json!(key);
        asked["round"] = json!(round);
        asked
    };
    for asked in [with_key("OLD_KEY", 0, 1), with_key("OLD_KEY", 1, 1), with_key("NEW_KEY", 0, 2)] {
        consumer.send(&asked);
    }
    let (lines, _) = consumer.finish();
    assert_eq!(kinds(&lines), ["call", "event", "settled", "settled", "call", "slot", "settled"]);
    let settled = of_kind(&lines, "settled");
    assert_eq!(texts(&settled, "outcome"), ["blocked", "blocked", "done"]);
    assert!(settled[0]["reason"].as_str().unwrap().contains("401 (bad key): check the key"));
    assert_eq!(texts(&of_kind(&lines, "event"), "name"), ["job.blocked"]);
}

#[test]
fn a_used_up_quota_and_a_missing_key_block_without_attempts() {
    let provider = Provider::start(|_, _| {
        Say::Status(
            429,
            vec![],
            json!({"error": {"code": "insufficient_quota", "message": "pay"}}).to_string(),
        )
    });
    let mut keyless = request(&provider.url, "j2", 0, 1);
    keyless["model"]["api_key_env"] = json!("NOT_SET");
    let lines =
        run(&["--concurrency", "1", "--prefetch", "1"], &[request(&provider.url, "j1", 0, 1), keyless]);
    assert_eq!(kinds(&lines), ["call", "event", "settled", "event", "settled"]);
    let settled = of_kind(&lines, "settled");
    assert_eq!(texts(&settled, "outcome"), ["blocked"; 2]);
    assert!(settled[0]["reason"].as_str().unwrap().contains("quota is used up"));
    assert!(settled[1]["reason"].as_str().unwrap().contains("NOT_SET"));
}

#[test]
fn a_provider_that_cannot_be_reached_blocks_after_a_while_without_attempts() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/v1", free.local_addr().unwrap());
    drop(free);
    let variables = [("SYNTHMILL_CONSUMER__UNREACHABLE_SECONDS", "1"), QUICK[0]];
    let mut consumer = Consumer::start(&[], &variables);
    for slot in 0..20 {
        consumer.send(&request(&url, "j1", slot, 1));
    }
    let (lines, status) = consumer.finish();
    assert!(status.success());
    assert_eq!(texts(&of_kind(&lines, "settled"), "outcome"), ["blocked"; 20]);
    assert!(of_kind(&lines, "reject").is_empty() && of_kind(&lines, "slot").is_empty());
    assert_eq!(texts(&of_kind(&lines, "event"), "name"), ["provider.unreachable", "job.blocked"]);
    assert!(texts(&of_kind(&lines, "call"), "outcome").iter().all(|outcome| *outcome == "unreachable"));
    assert!(of_kind(&lines, "call").len() < 60, "it probes, it does not spin");
}

#[test]
fn declared_limits_hold_calls_back_and_are_told_as_waiting() {
    let provider = Provider::start(|_, _| Say::Content(title("Green tea")));
    let (mut consumer, address) = monitoring::start(&[], &[]);
    for slot in 0..3 {
        let mut asked = request(&provider.url, "j1", slot, 1);
        asked["model"]["limits"] = json!({"requests_per_minute": 1});
        consumer.send(&asked);
    }
    let mut free = request(&provider.url, "j2", 0, 1);
    free["model"]["limits"] = json!({"requests_per_minute": 1, "output_tokens_per_minute": 1000});
    consumer.send(&free);
    let mut lines = consumer.until("settled");
    lines.extend(consumer.until("settled"));
    let waiting = || monitoring::value(&monitoring::metrics(address), "llm_calls_waiting{model=\"mock\"}");
    wait_until("two wait", || waiting() == 2.0);
    assert_eq!(texts(&of_kind(&lines, "slot"), "job_id").len(), 2);
    assert_eq!(provider.calls().len(), 2, "one for each declaration");
    consumer.terminate();
    let (rest, status) = consumer.finish();
    assert!(status.success() && rest.is_empty(), "who waits is left unsettled");
}

#[test]
fn little_left_of_a_providers_limit_slows_calls_down_before_a_429() {
    let provider = Provider::start(|_, number| match number {
        0 => Say::Status(
            200,
            vec![
                ("x-ratelimit-limit-requests", "60".to_owned()),
                ("x-ratelimit-remaining-requests", "0".to_owned()),
                ("x-ratelimit-reset-requests", "1m0s".to_owned()),
            ],
            completion(json!({"content": title("Green tea")}), "stop").to_string(),
        ),
        _ => Say::Content(title("Green tea")),
    });
    let (mut consumer, address) = monitoring::start(&[], &[]);
    consumer.send(&request(&provider.url, "j1", 0, 1));
    consumer.until("settled");
    for slot in 1..4 {
        consumer.send(&request(&provider.url, "j1", slot, 1));
    }
    consumer.until("settled");
    let samples = monitoring::metrics(address);
    assert_eq!(monitoring::value(&samples, "llm_pace_seconds{model=\"mock\"}"), 1.0);
    consumer.until("settled");
    consumer.until("settled");
    assert_eq!(provider.calls().len(), 4);
    assert!(consumer.finish().1.success());
}
