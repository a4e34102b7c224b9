//! What is asked, mended, kept and asked again.

use serde_json::{Value, json};

use crate::support::{Call, Provider, Say, completion, kinds, of_kind, request, run, texts, title};

fn items(pairs: &[(usize, &str)]) -> String {
    let items: Vec<Value> =
        pairs.iter().map(|(index, text)| json!({"index": index, "title": text})).collect();
    json!({"items": items}).to_string()
}

#[test]
fn only_the_failed_items_of_a_list_are_asked_again() {
    let provider = Provider::start(|_, number| match number {
        0 => Say::Content(items(&[(0, "Good"), (1, "x"), (2, "Fine")])),
        _ => Say::Content(items(&[(1, "Better"), (3, "Best")])),
    });
    let lines = run(&[], &[request(&provider.url, "j1", 10, 4)]);
    assert_eq!(
        kinds(&lines),
        ["call", "reject", "reject", "slot", "slot", "call", "slot", "slot", "settled"]
    );
    let calls = provider.calls();
    assert_eq!((calls[0].asked(), calls[1].asked()), (vec![0, 1, 2, 3], vec![1, 3]));
    assert!(calls[1].user().contains("/title: ") && calls[1].user().contains(r#"{"title":"x"}"#));
    assert!(!calls[1].user().contains("p10") && calls[1].user().contains("p11"));
    assert_eq!(calls[1].headers["x-synthmill-attempt-ids"], "j1-11-1-2,j1-13-1-2");
    let rejects = of_kind(&lines, "reject");
    assert_eq!(texts(&rejects, "reject_class"), ["schema", "parse"]);
    assert_eq!(texts(&rejects, "reject_id"), ["j1-11-1-1", "j1-13-1-1"]);
    let tokens: Vec<_> = rejects.iter().map(|one| one["prompt_tokens"].as_u64().unwrap()).collect();
    assert_eq!(tokens, [3, 2], "11 tokens of four items");
    let attempts: Vec<_> =
        of_kind(&lines, "slot").iter().map(|one| one["provenance"]["attempt"].as_u64().unwrap()).collect();
    assert_eq!(attempts, [1, 1, 2, 2]);
}

#[test]
fn after_one_second_ask_the_calls_are_fresh_and_then_the_slot_is_exhausted() {
    let provider = Provider::start(|_, _| Say::Content(title("x")));
    let lines = run(&[], &[request(&provider.url, "j1", 0, 1)]);
    let calls = provider.calls();
    let told: Vec<bool> = calls.iter().map(|call| call.user().contains("not accepted")).collect();
    assert_eq!(told, [false, true, false, false]);
    let seeds: std::collections::HashSet<_> =
        calls.iter().map(|call| call.body["seed"].as_u64().unwrap()).collect();
    assert_eq!(seeds.len(), 4, "each attempt has its own seed");
    let slot = of_kind(&lines, "slot")[0];
    assert_eq!((slot["state"].as_str(), slot["reject_class"].as_str()), (Some("exhausted"), Some("schema")));
    assert_eq!(of_kind(&lines, "reject").len(), 4);
    assert_eq!(lines.last().unwrap()["document"]["outcome"], "done");
}

#[test]
fn what_models_commonly_get_wrong_is_mended_and_named() {
    let cases: Vec<(&str, Value, &str)> = vec![
        (
            "```json\n{\"n\": \"1\", \"kind\": \"LIGHT blue\"}\n```",
            json!({"n": 1, "kind": "light blue"}),
            "fence text_to_number enum_case",
        ),
        (
            "Sure! {\"n\": 1.0, \"kind\": \"red\", \"more\": 1} Bye",
            json!({"n": 1, "kind": "red"}),
            "leading_text trailing_text integral_number extra_key",
        ),
        ("{\"n\": 1, \"kind\": \"red\",}", json!({"n": 1, "kind": "red"}), "trailing_comma"),
        ("{\"kind\": \"red\", \"n\": null", json!({"n": null, "kind": "red"}), "closed_bracket"),
        ("[{\"kind\": \"red\"}]", json!({"n": null, "kind": "red"}), "unwrapped absent_null"),
    ];
    let answers: Vec<String> = cases.iter().map(|(answer, _, _)| (*answer).to_owned()).collect();
    let provider = Provider::start(move |call, _| {
        let slot: usize = call.user().split('p').nth(1).unwrap()[..1].parse().unwrap();
        Say::Content(answers[slot].clone())
    });
    let mut requests = Vec::new();
    for slot in 0..cases.len() {
        let mut asked = request(&provider.url, "j1", slot as u64, 1);
        asked["columns"] = json!([
            {"kind": "llm", "name": "n", "prompt": "A number for {{ product }}", "json_schema": {"type": ["integer", "null"]}},
            {"kind": "llm", "name": "kind", "prompt": "Its color.", "json_schema": {"enum": ["red", "light blue"]}}
        ]);
        asked["output"] = json!(["n", "kind"]);
        requests.push(asked);
    }
    let lines = run(&["--concurrency", "1", "--prefetch", "1"], &requests);
    let slots = of_kind(&lines, "slot");
    assert_eq!(slots.len(), cases.len());
    for (slot, (answer, data, repairs)) in slots.iter().zip(&cases) {
        assert_eq!(&slot["data"], data, "{answer}");
        assert_eq!(slot["provenance"]["repairs"], json!(repairs.split(' ').collect::<Vec<_>>()), "{answer}");
    }
}

#[test]
fn a_truncated_list_keeps_its_complete_items() {
    let cut = |call: &Call, number: usize| match number {
        0 => {
            let whole = items(&[(0, "Good"), (1, "Fine"), (2, "Lost")]);
            let content = &whole[..whole.find("Lost").unwrap() + 2];
            Say::Completion(completion(json!({"content": content}), "length"))
        }
        _ => {
            assert!(call.asked().is_empty(), "one item is asked for plainly");
            Say::Content(title("Found"))
        }
    };
    let provider = Provider::start(cut);
    let lines = run(&[], &[request(&provider.url, "j1", 0, 3)]);
    assert_eq!(texts(&of_kind(&lines, "reject"), "reject_class"), ["truncated"]);
    let slots = of_kind(&lines, "slot");
    assert_eq!(slots.len(), 3);
    assert_eq!(slots[0]["provenance"]["repairs"], json!(["truncation"]));
}

#[test]
fn a_refusal_is_not_asked_again() {
    let provider = Provider::start(|call, _| match call.user() {
        user if user.contains("p0") => {
            Say::Completion(completion(json!({"content": null, "refusal": "I will not"}), "stop"))
        }
        user if user.contains("p1") => Say::Completion(completion(json!({"content": ""}), "content_filter")),
        _ => Say::Content("I'm sorry, but I can't help with that.".to_owned()),
    });
    let requests: Vec<Value> = (0..3).map(|slot| request(&provider.url, "j1", slot, 1)).collect();
    let lines = run(&[], &requests);
    assert_eq!(provider.calls().len(), 3);
    assert_eq!(texts(&of_kind(&lines, "reject"), "reject_class"), ["refusal"; 3]);
    assert_eq!(texts(&of_kind(&lines, "slot"), "state"), ["exhausted"; 3]);
}

#[test]
fn a_step_down_costs_no_attempt_and_is_remembered() {
    let provider = Provider::start(|call, _| match call.body["response_format"]["type"].as_str() {
        Some("json_schema") => Say::Status(
            400,
            vec![],
            json!({"error": {"message": "response_format json_schema is not supported"}}).to_string(),
        ),
        Some("json_object") => {
            Say::Status(422, vec![], json!({"detail": [{"loc": ["body", "response_format"]}]}).to_string())
        }
        _ => Say::Content(title("Green tea")),
    });
    let requests: Vec<Value> = (0..3).map(|slot| request(&provider.url, "j1", slot, 1)).collect();
    let lines = run(&["--concurrency", "1", "--prefetch", "1"], &requests);
    assert_eq!(provider.calls().len(), 5, "two refusals, then one call a request");
    let calls = of_kind(&lines, "call");
    assert_eq!(texts(&calls, "rung"), ["json_schema", "json_mode", "prompt", "prompt", "prompt"]);
    assert_eq!(texts(&calls, "outcome"), ["refused", "refused", "answered", "answered", "answered"]);
    assert!(of_kind(&lines, "reject").is_empty());
    for slot in of_kind(&lines, "slot") {
        assert_eq!(
            (slot["provenance"]["attempt"].as_u64(), slot["provenance"]["rung"].as_str()),
            (Some(1), Some("prompt"))
        );
    }
    let last = &provider.calls()[4];
    assert!(
        last.system().contains("JSON Schema:\n```json\n{\"type\":\"object\"")
            && last.body.get("response_format").is_none()
    );
}

#[test]
fn a_request_that_is_refused_for_another_reason_is_exhausted_without_more_calls() {
    let provider = Provider::start(|call, _| match call.user().contains("p0") {
        true => Say::Content(title("Green tea")),
        false => Say::Status(
            400,
            vec![],
            json!({"error": {"message": "maximum context length exceeded"}}).to_string(),
        ),
    });
    let requests = [request(&provider.url, "j1", 0, 1), request(&provider.url, "j1", 1, 1)];
    let lines = run(&["--concurrency", "1", "--prefetch", "1"], &requests);
    assert_eq!(provider.calls().len(), 2, "the form has worked before, so it is not the cause");
    let exhausted = of_kind(&lines, "slot")[1];
    assert_eq!(
        (exhausted["state"].as_str(), exhausted["reject_class"].as_str()),
        (Some("exhausted"), Some("provider"))
    );
    assert!(exhausted["reason"].as_str().unwrap().contains("shorten the prompt"));
}

#[test]
fn an_expression_over_the_answer_that_fails_is_semantic_and_asked_again() {
    let provider = Provider::start(|_, number| Say::Content(json!({"n": number}).to_string()));
    let mut asked = request(&provider.url, "j1", 0, 1);
    asked["columns"] = json!([
        {"kind": "llm", "name": "n", "prompt": "A number.", "json_schema": {"type": "integer"}},
        {"kind": "expression", "name": "part", "template": "{{ 10 / n }}", "value_type": "number"}
    ]);
    asked["output"] = json!(["n", "part"]);
    let lines = run(&[], &[asked]);
    assert_eq!(texts(&of_kind(&lines, "reject"), "reject_class"), ["semantic"]);
    assert!(provider.calls()[1].user().contains("- /part: "));
    assert_eq!(of_kind(&lines, "slot")[0]["data"], json!({"n": 1, "part": 10.0}));
}

/// Refuses every call that asks for `p1`, in the way that `refuse` does.
fn offended_by_p1(refuse: fn() -> Say) -> Provider {
    Provider::start(move |call, _| match call.user().contains("p1") {
        true => refuse(),
        false => Say::Content(title("Green tea")),
    })
}

fn declines() -> Say {
    Say::Completion(completion(json!({"content": null, "refusal": "I will not"}), "stop"))
}

#[test]
fn after_a_refusal_of_several_slots_each_is_asked_alone_and_only_the_refused_one_ends_so() {
    let filters = || {
        let error = json!({"error": {"code": "content_filter", "message": "no"}});
        Say::Status(400, vec![], error.to_string())
    };
    for refuse in [declines, filters] {
        let provider = offended_by_p1(refuse);
        let lines = run(&[], &[request(&provider.url, "j1", 0, 3)]);
        let attempts: Vec<String> =
            provider.calls().iter().map(|call| call.headers["x-synthmill-attempt-ids"].clone()).collect();
        assert_eq!(attempts, ["j1-0-1-1,j1-1-1-1,j1-2-1-1", "j1-0-1-2", "j1-1-1-2", "j1-2-1-2"]);
        assert!(provider.calls().iter().all(|call| !call.user().contains("not accepted")));
        let rejects = of_kind(&lines, "reject");
        assert_eq!(texts(&rejects, "reject_id"), ["j1-0-1-1", "j1-1-1-1", "j1-2-1-1", "j1-1-1-2"]);
        assert_eq!(texts(&rejects, "reject_class"), ["refusal"; 4]);
        let slots = of_kind(&lines, "slot");
        assert_eq!(texts(&slots, "record_id"), ["j1-0", "j1-1", "j1-2"]);
        assert_eq!(texts(&slots, "state"), ["accepted", "exhausted", "accepted"]);
        assert_eq!(slots[1]["reject_class"], "refusal");
        assert_eq!(lines.last().unwrap()["document"]["outcome"], "done");
    }
}

#[test]
fn slots_refused_together_with_no_attempt_left_can_be_asked_in_another_round() {
    let provider = offended_by_p1(declines);
    let mut asked = request(&provider.url, "j1", 0, 2);
    asked["max_attempts"] = json!(1);
    let lines = run(&[], &[asked]);
    assert_eq!(provider.calls().len(), 1);
    assert_eq!(texts(&of_kind(&lines, "reject"), "reject_class"), ["refusal"; 2]);
    let slots = of_kind(&lines, "slot");
    assert_eq!(texts(&slots, "state"), ["exhausted"; 2]);
    assert_eq!(texts(&slots, "reject_class"), ["parse"; 2]);
}
