//! What goes in and out: lines, bounds, admission.

use serde_json::{Value, json};

use crate::support::{Consumer, Provider, Say, command, kinds, of_kind, request, run, texts, title};

#[test]
fn a_request_becomes_a_call_its_records_and_a_settlement() {
    let provider = Provider::start(|_, _| Say::Content(title("Green tea")));
    let mut asked = request(&provider.url, "j1", 5, 1);
    asked["model"]["parameters"] = json!({"temperature": 0.3});
    let lines = run(&[], &[asked]);
    assert_eq!(kinds(&lines), ["call", "slot", "settled"]);
    let slot = &lines[1]["document"];
    assert_eq!((slot["state"].as_str(), slot["record_id"].as_str()), (Some("accepted"), Some("j1-5")));
    assert_eq!(slot["data"], json!({"product": "p5", "title": "Green tea"}));
    let provenance = &slot["provenance"];
    assert_eq!(provenance["model"], "mock-1");
    assert_eq!(provenance["rung"], "json_schema");
    assert_eq!((provenance["attempt"].as_u64(), provenance["prompt_tokens"].as_u64()), (Some(1), Some(11)));
    assert_eq!(provenance["cost_usd"], json!(0.5));
    assert_eq!(provenance["call_id"], lines[0]["document"]["call_id"]);
    assert_eq!(lines[2]["document"]["outcome"], "done");
    let call = &provider.calls()[0];
    assert_eq!((&call.body["model"], &call.body["temperature"]), (&json!("mock"), &json!(0.3)));
    assert_eq!(call.headers["x-synthmill-attempt-ids"], "j1-5-1-1");
    assert_eq!(call.headers["idempotency-key"], provenance["call_id"].as_str().unwrap());
}

#[test]
fn what_cannot_be_worked_on_is_settled_invalid_and_the_rest_goes_on() {
    let provider = Provider::start(|_, _| Say::Content(title("Green tea")));
    let mut consumer = Consumer::start(&[], &[]);
    consumer.send_raw(b"not json\n\n   \n");
    let mut bad = request(&provider.url, "j1", 0, 1);
    bad["round"] = json!(0);
    consumer.send(&bad);
    consumer.send_raw(&vec![b'x'; 17 * 1024 * 1024]);
    consumer.send_raw(b"\n");
    let mut reserved = request(&provider.url, "j1", 1, 1);
    reserved["model"]["parameters"] = json!({"stream": true});
    consumer.send(&reserved);
    let mut template = request(&provider.url, "j1", 2, 1);
    template["columns"][0]["prompt"] = json!("{{ nobody }}");
    consumer.send(&template);
    consumer.send(&request(&provider.url, "j1", 3, 1));
    let (lines, status) = consumer.finish();
    assert!(status.success());
    let mut settled = of_kind(&lines, "settled");
    settled.sort_by_key(|document| document["line"].as_u64().unwrap_or(99));
    let seen: Vec<_> = settled.iter().map(|one| (one["line"].as_u64(), one["request_id"].as_str())).collect();
    assert_eq!(
        seen,
        [
            (Some(1), None),
            (Some(4), Some("j1-1-0")),
            (Some(5), None),
            (Some(6), Some("j1-1-1")),
            (Some(7), Some("j1-1-2")),
            (None, Some("j1-1-3")),
        ]
    );
    let reasons = texts(&settled, "reason");
    for (reason, words) in
        reasons.iter().zip(["line 1", "round is 0", "more than 16777216", "must not set stream", "slot 2"])
    {
        assert!(reason.contains(words), "{reason}");
    }
    assert_eq!(provider.calls().len(), 1);
}

#[test]
fn a_request_without_llm_columns_needs_no_call() {
    let mut asked = request("http://127.0.0.1:1/v1", "j1", 0, 2);
    asked["model"] = Value::Null;
    asked["columns"] = json!([{"kind": "expression", "name": "title", "template": "{{ product|upper }}"}]);
    let lines = run(&[], &[asked]);
    assert_eq!(kinds(&lines), ["slot", "slot", "settled"]);
    let provenance = &lines[0]["document"]["provenance"];
    assert_eq!((provenance["attempt"].as_u64(), &provenance["rung"]), (Some(0), &Value::Null));
    assert_eq!(lines[1]["document"]["data"]["title"], "P1");
}

#[test]
fn a_content_is_taken_once_in_a_run_and_the_next_call_says_so() {
    let provider = Provider::start(|call, _| {
        Say::Content(title(if call.user().contains("same content already") { "Other" } else { "Same" }))
    });
    let unique = |first| {
        let mut asked = request(&provider.url, "j1", first, 1);
        asked["unique"] = json!(["title"]);
        asked
    };
    let lines = run(&["--concurrency", "1", "--prefetch", "1"], &[unique(0), unique(1), unique(0)]);
    assert_eq!(
        kinds(&lines),
        ["call", "slot", "settled", "call", "reject", "call", "slot", "settled", "settled"],
        "a slot that is accepted is not asked for again"
    );
    let reject = of_kind(&lines, "reject")[0];
    assert_eq!(
        (reject["reject_class"].as_str(), reject["reject_id"].as_str()),
        (Some("duplicate"), Some("j1-1-1-1"))
    );
    assert_eq!(lines[6]["document"]["data"]["title"], "Other");
}

#[test]
fn with_ask_the_other_side_decides() {
    let provider = Provider::start(|_, number| Say::Content(title(&format!("Title {number}"))));
    let mut consumer = Consumer::start(&["--admission", "ask"], &[]);
    let verdict = |record: &str, verdict: &str, reason: Value| json!({"kind": "verdict", "record_id": record, "round": 1, "verdict": verdict, "reason": reason});
    for (slot, answers, outcome) in [
        (0, vec!["stored"], "accepted"),
        (1, vec!["already"], "accepted"),
        (2, vec!["duplicate", "stored"], "accepted"),
        (3, vec!["refused"], "exhausted"),
    ] {
        consumer.send(&request(&provider.url, "j1", slot, 1));
        let mut lines = Vec::new();
        for answer in answers {
            lines.extend(consumer.until("slot"));
            consumer.send(&verdict(&format!("j1-{slot}"), answer, json!("field too long")));
        }
        lines.extend(consumer.until("settled"));
        let slots = of_kind(&lines, "slot");
        assert_eq!(slots.last().unwrap()["state"], outcome, "slot {slot}");
        match slot {
            2 => assert_eq!(texts(&of_kind(&lines, "reject"), "reject_class"), ["duplicate"]),
            3 => {
                assert_eq!(texts(&of_kind(&lines, "reject"), "reject_class"), ["store"]);
                let exhausted = slots.last().unwrap();
                assert_eq!(exhausted["reject_class"], "store");
                assert!(exhausted["reason"].as_str().unwrap().contains("field too long"));
            }
            _ => assert!(of_kind(&lines, "reject").is_empty()),
        }
    }
    assert!(consumer.finish().1.success());
}

#[test]
fn wrong_settings_are_refused_before_anything_starts() {
    for (arguments, variables, says) in [
        (vec!["--concurrency", "many"], vec![], "SYNTHMILL_CONSUMER__CONCURRENCY"),
        (vec![], vec![("SYNTHMILL_GATEWAY__URL", "nowhere")], "SYNTHMILL_GATEWAY__URL"),
    ] {
        let output = command(&arguments, &variables).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(says));
    }
}

#[test]
fn memory_is_bounded_by_what_may_be_unsettled_not_by_the_input() {
    let provider = Provider::start(|_, _| Say::Content(title("Green tea")));
    let mut consumer = Consumer::start(&["--concurrency", "16", "--prefetch", "32"], &[]);
    let padding = "x".repeat(4096);
    let (mut settled, mut sent) = (0u64, 0u64);
    while sent < 20_000 {
        for _ in 0..100 {
            let mut asked = request(&provider.url, "j1", sent, 1);
            asked["columns"] = json!([{"kind": "expression", "name": "title", "template": "{{ product }}"}]);
            asked["slots"][0]["attributes"]["padding"] = json!(padding);
            consumer.send(&asked);
            sent += 1;
        }
        while settled < sent {
            settled += u64::from(consumer.line()["kind"] == "settled");
        }
    }
    let peak = consumer.peak_memory();
    assert!(peak < 60 * 1024, "{peak} KiB");
    assert!(consumer.finish().1.success());
}
