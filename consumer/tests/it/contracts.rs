//! The golden examples in `schemas/examples`, shared with Python.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use synthmill_consumer::contract::{
    CallDocument, CancelLine, ClaimDocument, EventDocument, GenerationRequest, InputLine, OutputLine,
    RejectDocument, ReservedLine, SlotDocument, SpendingDocument, ValueType, VerdictLine, read_line,
    read_request,
};
use synthmill_consumer::template::{Scope, Templates};
use synthmill_consumer::{cast, ids};

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/examples")
}

fn read(path: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// A valid example.
pub fn example(contract: &str, case: &str) -> Value {
    read(&examples().join(contract).join("v1/valid").join(format!("{case}.json")))
}

/// The examples of a contract, with their case's name; there must be some.
fn cases(contract: &str, kind: &str) -> Vec<(String, Value)> {
    let folder = examples().join(contract).join("v1").join(kind);
    let mut found: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), read(&path)))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(!found.is_empty(), "{} is empty", folder.display());
    found
}

fn round_trips<T: DeserializeOwned + Serialize>(contract: &str) {
    for (case, value) in cases(contract, "valid") {
        let document: T = serde_json::from_value(value.clone())
            .unwrap_or_else(|error| panic!("{contract}/{case}: {error}"));
        assert_eq!(serde_json::to_value(&document).unwrap(), value, "{contract}/{case}");
    }
}

#[test]
fn every_valid_example_is_read_and_written_equal() {
    round_trips::<GenerationRequest>("generation_request");
    round_trips::<SlotDocument>("slot");
    round_trips::<RejectDocument>("reject");
    round_trips::<CallDocument>("call");
    round_trips::<ClaimDocument>("claim");
    round_trips::<EventDocument>("event");
    round_trips::<OutputLine>("output_line");
    round_trips::<SpendingDocument>("spending");
}

#[test]
fn every_invalid_request_is_refused_but_unknown_fields_are_not() {
    for (case, value) in cases("generation_request", "invalid") {
        let mut line = value;
        line.as_object_mut().unwrap().entry("kind").or_insert(json!("generation_request"));
        assert_eq!(read_line(line.to_string().as_bytes()).is_ok(), case == "unknown_field", "{case}");
    }
}

#[test]
fn every_input_line_is_read_or_refused_as_in_python() {
    for (case, value) in cases("input_line", "valid") {
        let again =
            match read_line(value.to_string().as_bytes()).unwrap_or_else(|bad| panic!("{case}: {bad:?}")) {
                InputLine::Request(request) => serde_json::to_value(request),
                InputLine::Cancel(line) => serde_json::to_value::<CancelLine>(line),
                InputLine::Verdict(line) => serde_json::to_value::<VerdictLine>(line),
                InputLine::Reserved(line) => serde_json::to_value::<ReservedLine>(line),
            };
        let mut again = again.unwrap();
        again["kind"] = value["kind"].clone();
        assert_eq!(again, value, "{case}");
    }
    for (case, value) in cases("input_line", "invalid") {
        assert_eq!(read_line(value.to_string().as_bytes()).is_ok(), case == "unknown_field", "{case}");
    }
}

#[test]
fn what_is_no_request_is_told_in_pythons_words() {
    for vector in read(&examples().join("unreadable.json")).as_array().unwrap() {
        let reason = read_request(vector["body"].as_str().unwrap().as_bytes()).unwrap_err().reason;
        let begins = format!("not a generation request: {}", vector["begins"].as_str().unwrap());
        let ends = vector["ends"].as_str().unwrap();
        assert!(reason.starts_with(&begins) && reason.ends_with(ends), "{}: {reason}", vector["name"]);
    }
}

#[test]
fn ids_are_made_as_in_python() {
    let vectors = read(&examples().join("ids.json"));
    assert_eq!(vectors["accepted_rank"], json!(ids::ACCEPTED_RANK));
    let text = |input: &Value, key: &str| input[key].as_str().unwrap().to_owned();
    let number = |input: &Value, key: &str| input[key].as_u64().unwrap();
    let small = |input: &Value, key: &str| u32::try_from(input[key].as_u64().unwrap()).unwrap();
    let make = |function: &str, input: &Value| match function {
        "record_id" => json!(ids::record_id(&text(input, "job_id"), number(input, "slot"))),
        "attempt_id" => json!(ids::attempt_id(
            &text(input, "job_id"),
            number(input, "slot"),
            small(input, "round"),
            small(input, "attempt")
        )),
        "request_id" => {
            json!(ids::request_id(&text(input, "job_id"), small(input, "round"), number(input, "first_slot")))
        }
        "failed_rank" => json!(ids::failed_rank(small(input, "round"), input["parked"].as_bool().unwrap())),
        "call_seed" => json!(ids::call_seed(
            number(input, "recipe_seed"),
            number(input, "slot"),
            small(input, "round"),
            small(input, "attempt")
        )),
        "claim_id" => {
            let hash = text(input, "content_hash").try_into().unwrap();
            json!(ids::claim_id(&text(input, "tenant"), &text(input, "dataset"), &hash))
        }
        _ => Value::Null,
    };
    let mut checked = 0;
    for (function, all) in vectors["functions"].as_object().unwrap() {
        for vector in all.as_array().unwrap() {
            let made = make(function, &vector["in"]);
            if !made.is_null() {
                assert_eq!(made, vector["out"], "{function} {}", vector["in"]);
                checked += 1;
            }
        }
    }
    assert!(checked >= 6, "only {checked} vectors are of functions that are here");
}

#[test]
fn templates_give_what_they_give_in_python() {
    for vector in read(&examples().join("templates.json")).as_array().unwrap() {
        let name = vector["name"].as_str().unwrap();
        let value_type: ValueType = serde_json::from_value(vector["value_type"].clone()).unwrap();
        let mut templates = Templates::default();
        let rendered = templates
            .add("t".to_owned(), vector["template"].as_str().unwrap().to_owned())
            .and_then(|()| templates.render("t", &Scope::of(&vector["context"])));
        let found = match rendered {
            Err(_) => json!({"error": "render"}),
            Ok(text) => match cast::cast(text, value_type) {
                Err(_) => json!({"error": "cast"}),
                Ok(value) => json!({"expected": value}),
            },
        };
        let key = if vector.get("error").is_some() { "error" } else { "expected" };
        assert_eq!(found, json!({key: vector[key]}), "{name}");
        if key == "expected" {
            assert_eq!(found[key].to_string(), vector[key].to_string(), "{name}: the order of keys");
        }
    }
}

#[test]
fn contents_are_hashed_as_rfc_8785_says() {
    for vector in read(&examples().join("content_hash.json")).as_array().unwrap() {
        let data = vector["data"].as_object().unwrap();
        let unique = serde_json::from_value::<Vec<_>>(vector["unique"].clone()).unwrap();
        let hash = ids::content_hash(data, &unique).unwrap();
        assert_eq!(hash.as_str(), vector["content_hash"], "{}", vector["name"]);
    }
}
