//! How a run ends: cancelled, told to stop, or left alone by its reader.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use serde_json::json;

use crate::support::{Consumer, Provider, Say, command, kinds, of_kind, request, texts, title};

/// A provider whose answers wait until the sender lets each one go.
fn gated() -> (Provider, Sender<()>) {
    let (open, gate) = channel();
    let gate = Arc::new(Mutex::new(gate));
    (Provider::start(move |_, _| Say::Wait(gate.clone(), title("Green tea"))), open)
}

#[test]
fn a_cancelled_job_gets_no_more_calls_but_keeps_what_was_paid_for() {
    let (provider, open) = gated();
    let mut consumer = Consumer::start(&["--concurrency", "1", "--prefetch", "9"], &[]);
    consumer.send(&request(&provider.url, "j1", 0, 1));
    provider.wait_for(1);
    consumer.send(&request(&provider.url, "j1", 1, 1));
    consumer.send(&request(&provider.url, "j2", 0, 1));
    consumer.send(&json!({"kind": "cancel", "tenant": "default", "job_id": "j1", "through_round": 1}));
    // only a line that was read before it can answer: it tells that the cancel was read
    consumer.send_raw(b"{}\n");
    let mut lines = consumer.until("settled");
    open.send(()).unwrap();
    open.send(()).unwrap();
    let (rest, status) = consumer.finish();
    assert!(status.success());
    lines.extend(rest);
    let outcome = |id: &str| {
        let settled = of_kind(&lines, "settled");
        settled
            .iter()
            .find(|one| one["request_id"] == id)
            .map(|one| one["outcome"].as_str().unwrap().to_owned())
    };
    assert_eq!(outcome("j1-1-0").as_deref(), Some("done"));
    assert_eq!(outcome("j1-1-1").as_deref(), Some("dropped"));
    assert_eq!(outcome("j2-1-0").as_deref(), Some("done"));
    assert_eq!(texts(&of_kind(&lines, "slot"), "record_id"), ["j1-0", "j2-0"]);
    assert_eq!(provider.calls().len(), 2);
}

#[test]
fn told_to_stop_it_lets_calls_in_flight_end_and_makes_no_new_ones() {
    let (provider, open) = gated();
    let mut command = command(&["--concurrency", "2"], &[]);
    command.env("SYNTHMILL_LOG__LEVEL", "info").stderr(Stdio::piped());
    let mut consumer = Consumer::spawn(&mut command);
    let log = BufReader::new(consumer.child.stderr.take().unwrap()).lines();
    for slot in 0..6 {
        consumer.send(&request(&provider.url, "j1", slot, 1));
    }
    provider.wait_for(2);
    consumer.terminate();
    // a signal takes a while to be noticed: an answer that comes before would let the next call begin
    assert!(log.map_while(Result::ok).any(|line| line.contains("told to stop")));
    consumer.send(&request(&provider.url, "j1", 9, 1));
    open.send(()).unwrap();
    open.send(()).unwrap();
    let (lines, status) = consumer.finish();
    assert!(status.success(), "{status}");
    assert_eq!(of_kind(&lines, "slot").len(), 2);
    assert_eq!(texts(&of_kind(&lines, "settled"), "outcome"), ["done"; 2], "the others are left unsettled");
    assert_eq!(provider.calls().len(), 2);
}

#[test]
fn told_to_stop_while_it_waits_it_ends_at_once() {
    let provider =
        Provider::start(|_, _| Say::Status(429, vec![("retry-after", "100".to_owned())], "{}".to_owned()));
    let mut consumer = Consumer::start(&[], &[]);
    consumer.send(&request(&provider.url, "j1", 0, 1));
    consumer.until("event");
    consumer.terminate();
    let (lines, status) = consumer.finish();
    assert!(status.success() && lines.is_empty());
}

#[test]
fn a_verdict_still_counts_while_it_drains() {
    let provider = Provider::start(|_, _| Say::Content(title("Green tea")));
    let mut consumer = Consumer::start(&["--admission", "ask"], &[]);
    consumer.send(&request(&provider.url, "j1", 0, 1));
    consumer.until("slot");
    consumer.terminate();
    consumer.send(
        &json!({"kind": "verdict", "record_id": "j1-0", "round": 1, "verdict": "stored", "reason": null}),
    );
    let (lines, status) = consumer.finish();
    assert!(status.success());
    assert_eq!(kinds(&lines), ["settled"]);
}

#[test]
fn when_input_ends_before_the_verdict_the_request_stays_unsettled() {
    let provider = Provider::start(|_, _| Say::Content(title("Green tea")));
    let mut consumer = Consumer::start(&["--admission", "ask"], &[]);
    consumer.send(&request(&provider.url, "j1", 0, 1));
    consumer.until("slot");
    let (lines, status) = consumer.finish();
    assert!(status.success() && lines.is_empty(), "{lines:?}");
}

#[test]
fn when_the_reader_of_its_output_dies_it_makes_no_further_call() {
    let (provider, open) = gated();
    let mut child = command(&["--concurrency", "1"], &[]).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for slot in 0..50 {
        writeln!(stdin, "{}", request(&provider.url, "j1", slot, 1)).unwrap();
    }
    provider.wait_for(1);
    drop(child.stdout.take());
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(1), "it ends while its input is open and a call is in flight");
    drop(open);
    assert_eq!(provider.calls().len(), 1);
}
