//! Budgets: a call is reserved before it is made, by the program itself or by who sends the requests.

use serde_json::{Value, json};

use crate::support::{Consumer, Provider, Say, completion, of_kind, request, run, texts, title};

/// A chat completion of 11 and 7 tokens that does not say what it cost.
fn unpriced() -> Value {
    let mut answer = completion(json!({"role": "assistant", "content": title("Green tea")}), "stop");
    answer["usage"].as_object_mut().unwrap().remove("cost");
    answer
}

fn with_budget(url: &str, slot: u64, budget: Value) -> Value {
    let mut asked = request(url, "j1", slot, 1);
    asked["budget"] = budget;
    asked["model"]["parameters"] = json!({"max_tokens": 7});
    asked
}

#[test]
fn calls_end_where_the_next_one_might_pass_the_cap() {
    let provider = Provider::start(|_, _| Say::Content(title("Green tea")));
    let requests: Vec<_> =
        (0..60).map(|slot| with_budget(&provider.url, slot, json!({"max_tokens": 600}))).collect();
    let lines = run(&["--concurrency", "1"], &requests);
    // 18 tokens each: the first is reserved by a rule of thumb, all others by what answers took
    assert_eq!(provider.calls().len(), 600 / 18);
    let settled = of_kind(&lines, "settled");
    let dropped: Vec<_> = settled.iter().copied().filter(|one| one["outcome"] == "dropped").collect();
    assert_eq!(dropped.len(), 60 - 600 / 18);
    for reason in texts(&dropped, "reason") {
        assert!(reason.contains("594 of max_tokens 600 are spent, the next call may take 1"), "{reason}");
    }
    let events = of_kind(&lines, "event");
    assert_eq!(texts(&events, "name"), ["job.paused"]);
}

#[test]
fn many_calls_at_a_time_stay_within_the_cap_too() {
    let provider = Provider::start(|_, _| Say::Completion(unpriced()));
    let budget = json!({"max_usd": 0.01});
    let requests: Vec<_> = (0..60)
        .map(|slot| {
            let mut asked = with_budget(&provider.url, slot, budget.clone());
            asked["model"]["price"] = json!({"input_per_million": 10.0, "output_per_million": 40.0});
            asked
        })
        .collect();
    let lines = run(&["--concurrency", "16"], &requests);
    let costs: Vec<f64> =
        of_kind(&lines, "call").iter().map(|call| call["cost_usd"].as_f64().unwrap()).collect();
    assert!(costs.iter().all(|cost| (cost - 0.000_39).abs() < 1e-9), "{costs:?}");
    assert_eq!(costs.len(), 25, "25 x 0.00039 is 0.00975, one more would be 0.01014");
}

#[test]
fn a_cap_in_dollars_without_a_price_blocks_the_job_before_its_first_call() {
    let provider = Provider::start(|_, _| Say::Content(title("Green tea")));
    let lines = run(&[], &[with_budget(&provider.url, 0, json!({"max_usd": 1.0}))]);
    let settled = &of_kind(&lines, "settled")[0];
    assert_eq!(settled["outcome"], "blocked");
    assert!(settled["reason"].as_str().unwrap().contains("give model.price in the recipe"), "{settled}");
    assert!(provider.calls().is_empty());
}

#[test]
fn who_keeps_the_account_is_asked_before_each_call() {
    let provider = Provider::start(|_, _| Say::Completion(unpriced()));
    let mut consumer = Consumer::start(&["--admission", "ask"], &[]);
    consumer.send(&with_budget(&provider.url, 0, json!({"max_tokens": 600})));
    for room in ["full", "granted"] {
        let asked = consumer.until("reserve").pop().unwrap();
        let document = &asked["document"];
        assert_eq!(
            (document["job_id"].as_str(), document["request_id"].as_str()),
            (Some("j1"), Some("j1-1-0"))
        );
        assert!(document["need"]["tokens"].as_u64().unwrap() > 7 && provider.calls().is_empty());
        consumer.send(&json!({"kind": "reserved", "call_id": document["call_id"], "room": room}));
        if room == "granted" {
            let call = consumer.until("call").pop().unwrap();
            assert_eq!(call["document"]["call_id"], document["call_id"]);
        }
    }
    consumer.until("slot");
    consumer.send(&json!({"kind": "verdict", "record_id": "j1-0", "round": 1, "verdict": "stored"}));
    assert_eq!(consumer.until("settled").pop().unwrap()["document"]["outcome"], "done");
    consumer.send(&with_budget(&provider.url, 1, json!({"max_tokens": 600})));
    let asked = consumer.until("reserve").pop().unwrap();
    let answer = json!({"kind": "reserved", "call_id": asked["document"]["call_id"], "room": "over", "reason": "none is left"});
    consumer.send(&answer);
    let settled = consumer.until("settled").pop().unwrap();
    assert_eq!(settled["document"]["outcome"], "dropped");
    assert!(settled["document"]["reason"].as_str().unwrap().contains("none is left"));
    assert_eq!(provider.calls().len(), 1);
}

#[test]
fn a_call_that_broke_off_counts_with_its_estimate_and_a_refused_one_with_nothing() {
    for (status, calls) in [(None, 1), (Some(500), 4)] {
        let provider = Provider::start(move |_, _| match status {
            None => Say::Hangup,
            Some(status) => Say::Status(status, vec![], "{}".to_owned()),
        });
        // room for one estimate of the first call, not for two
        let lines =
            run(&["--concurrency", "1"], &[with_budget(&provider.url, 0, json!({"max_tokens": 300}))]);
        assert_eq!(of_kind(&lines, "call").len(), calls, "{status:?}: {lines:?}");
    }
}
