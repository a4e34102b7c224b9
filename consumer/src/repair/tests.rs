use proptest::prelude::*;
use serde_json::json;

use super::*;

fn found(answer: &str, cut_off: bool) -> (Value, String, bool) {
    let found = find(answer, cut_off).unwrap_or_else(|lost| panic!("{lost}: {answer}"));
    (found.value, found.repairs.names().join(" "), found.cut)
}

#[test]
fn a_value_is_found_under_what_models_wrap_it_in() {
    let one = json!({"a": 1});
    for (answer, repairs) in [
        (r#"{"a": 1}"#, ""),
        (" \n{\"a\":1}\n ", ""),
        ("\u{feff}{\"a\":1}", "bom"),
        ("<think>maybe {\"a\": 2}?</think>{\"a\":1}", "thinking"),
        ("```json\n{\"a\":1}\n```", "fence"),
        ("Sure:\n```\n{\"a\":1}\n```\nBye", "fence"),
        ("```json\n{\"a\":1}", "fence"),
        ("Here is {it} [1]: {\"a\":1}", "leading_text"),
        ("{\"a\":1}\nHope this helps {\"b\":2}", "trailing_text"),
        ("{\"a\":1,}", "trailing_comma"),
        ("{\"a\":1 , \n}", "trailing_comma"),
    ] {
        assert_eq!(found(answer, false), (one.clone(), repairs.to_owned(), false), "{answer}");
    }
    assert_eq!(found("[{\"a\":1,}]", false).0, json!([{"a": 1}]));
    assert_eq!(
        found("{\"a\":\"x\ny\"}", false),
        (json!({"a": "x\ny"}), "control_character".to_owned(), false)
    );
    assert_eq!(found("{\"a\":\"```\"} ok", false).0, json!({"a": "```"}));
}

#[test]
fn of_a_broken_off_answer_only_complete_items_are_kept() {
    let two = json!({"items": [{"index": 0, "a": "x"}, {"index": 1, "a": "y"}]});
    for answer in [
        r#"{"items": [{"index": 0, "a": "x"}, {"index": 1, "a": "y"}, {"index": 2, "a": "z"#,
        r#"{"items": [{"index": 0, "a": "x"}, {"index": 1, "a": "y"}, {"index": 2"#,
        r#"{"items": [{"index": 0, "a": "x"}, {"index": 1, "a": "y"}, "#,
    ] {
        assert_eq!(found(answer, true), (two.clone(), "truncation".to_owned(), true), "{answer}");
    }
    let nested = r#"[{"a": {"b": [1, 2]}}, {"a": {"b": [1"#;
    assert_eq!(found(nested, true).0, json!([{"a": {"b": [1, 2]}}]));
}

#[test]
fn missing_closing_brackets_are_added_when_nothing_else_is_missing() {
    assert_eq!(found(r#"{"a": "x""#, false), (json!({"a": "x"}), "closed_bracket".to_owned(), true));
    assert_eq!(found(r#"{"items": [{"a": "x"}"#, false).0, json!({"items": [{"a": "x"}]}));
    assert_eq!(found(r#"{"items": [{"a": "x"}]"#, false).0, json!({"items": [{"a": "x"}]}));
}

#[test]
fn an_item_that_broke_off_inside_a_value_is_truncated() {
    for (answer, cut_off) in [
        (r#"{"a": "x"#, false),
        (r#"{"a": 12"#, false),
        (r#"{"a": "x""#, true),
        (r#"{"tags": ["a", "b""#, false),
        (r#"{"tags": [{"a": 1}, {"b": 2}"#, false),
        (r#"{"a": {"k": 1}, "b": "x"#, false),
        ("I will now write", true),
    ] {
        assert_eq!(find(answer, cut_off), Err(Lost::Truncated), "{answer}");
    }
}

#[test]
fn an_answer_without_json_says_so() {
    assert_eq!(find("  ", false), Err(Lost::Empty));
    for answer in ["I am sorry.", "42", "\"text\"", "[1, 2]", "{'a': 1}", "{not json}", "{\"a\" 1}", "[]"] {
        assert_eq!(find(answer, false), Err(Lost::NoJson), "{answer}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), cut_off: bool) {
        let _ = find(&String::from_utf8_lossy(&bytes), cut_off);
    }

    #[test]
    fn no_json_like_text_makes_it_panic(text in r#"[\{\}\[\]",:a0 \\`\n<>é]{0,120}"#, cut_off: bool) {
        let _ = find(&text, cut_off);
    }

    #[test]
    fn every_cut_of_a_list_keeps_a_prefix_of_its_items(texts in proptest::collection::vec(".{0,12}", 1..6), at in 0.0f64..1.0) {
        let items: Vec<Value> = texts.iter().enumerate().map(|(i, t)| json!({"index": i, "a": t})).collect();
        let answer = json!({"items": items}).to_string();
        let mut end = (answer.len() as f64 * at) as usize;
        while !answer.is_char_boundary(end) { end += 1; }
        if let Ok(found) = find(&answer[..end], true) {
            let kept = found.value["items"].as_array().cloned().unwrap_or_default();
            prop_assert_eq!(&items[..kept.len()], &kept[..]);
        }
    }
}
