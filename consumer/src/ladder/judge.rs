//! Takes an answer apart: which item belongs to which slot, and what is wrong with the rest. Pure.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::contract::RejectClass;
use crate::llm::answer::{Answer, Finish};
use crate::plan::Plan;
use crate::repair::{self, Found, Lost, Repair, Repairs};
use crate::validate::Failure;

/// An answer taken apart.
pub struct Sorted {
    /// What was done to the answer as a whole.
    pub repairs: Repairs,
    /// By index; an asked index that is missing here has its failure in `missing`.
    pub items: HashMap<usize, Map<String, Value>>,
    pub missing: Failure,
    /// The answer broke off: an item that lacks a column was cut, not forgotten.
    pub cut: bool,
}

/// Beginnings of answers in which a model declines; only looked at when the answer holds no JSON.
const DECLINING: [&str; 10] = [
    "i'm sorry",
    "i’m sorry",
    "i am sorry",
    "sorry, ",
    "i can't",
    "i can’t",
    "i cannot",
    "i'm unable",
    "i am unable",
    "i won't",
];

/// The items of `answer` for the indexes `asked`.
///
/// # Errors
/// The failure that all asked items share.
pub fn sort(plan: &Plan, asked: &[usize], answer: &Answer) -> Result<Sorted, Failure> {
    if let Some(refusal) = &answer.refusal {
        return Err(refused(refusal));
    }
    let cut_off = answer.finish == Finish::Length;
    let found = match repair::find(&answer.content, cut_off) {
        Ok(found) => found,
        Err(_) if answer.finish == Finish::Filtered => {
            return Err(Failure::whole(
                RejectClass::Refusal,
                "the provider's content filter stopped the answer",
            ));
        }
        Err(_) if declines(&answer.content) => return Err(refused(&answer.content)),
        Err(Lost::Empty) if cut_off => {
            return Err(Failure::whole(
                RejectClass::Truncated,
                "the length limit was reached before the answer began",
            ));
        }
        Err(Lost::Truncated) => {
            return Err(Failure::whole(RejectClass::Truncated, Lost::Truncated.to_string()));
        }
        Err(lost) => return Err(Failure::whole(RejectClass::Parse, lost.to_string())),
    };
    Ok(distribute(plan, asked, found))
}

fn refused(words: &str) -> Failure {
    Failure::whole(
        RejectClass::Refusal,
        format!("the model declined: {}", crate::text::cut(words.trim(), 300)),
    )
}

fn declines(content: &str) -> bool {
    let start: String = content.trim_start().chars().take(20).collect::<String>().to_lowercase();
    DECLINING.iter().any(|words| start.starts_with(words))
}

fn distribute(plan: &Plan, asked: &[usize], found: Found) -> Sorted {
    let Found { value, mut repairs, cut } = found;
    let items = match asked {
        [only] => single(plan, *only, value, &mut repairs),
        _ => several(plan, asked, value, &mut repairs),
    };
    let missing = match cut {
        true => Failure::whole(RejectClass::Truncated, "the answer broke off before this item"),
        false => Failure::whole(RejectClass::Parse, "the answer holds no such item"),
    };
    Sorted { repairs, items, missing, cut }
}

/// One item may come plain, wrapped in another object, or as a list.
fn single(
    plan: &Plan,
    index: usize,
    value: Value,
    repairs: &mut Repairs,
) -> HashMap<usize, Map<String, Value>> {
    let has_column =
        |fields: &Map<String, Value>| plan.llm.iter().any(|part| fields.contains_key(&part.name));
    let fields = match value {
        Value::Object(fields) if has_column(&fields) => Some(fields),
        other => {
            let inner = list_of(other).into_iter().find(has_column);
            inner.inspect(|_| repairs.note(Repair::Unwrapped))
        }
    };
    let fields = fields.map(|mut fields| {
        fields.remove(&plan.index_key);
        fields
    });
    fields.map(|fields| (index, fields)).into_iter().collect()
}

fn several(
    plan: &Plan,
    asked: &[usize],
    value: Value,
    repairs: &mut Repairs,
) -> HashMap<usize, Map<String, Value>> {
    if !value.get("items").is_some_and(Value::is_array) {
        repairs.note(Repair::Unwrapped);
    }
    let list = list_of(value);
    if list.len() == asked.len() && list.iter().all(|fields| !fields.contains_key(&plan.index_key)) {
        repairs.note(Repair::IndexByOrder);
        return asked.iter().copied().zip(list).collect();
    }
    let mut items = HashMap::new();
    for mut fields in list {
        let index = fields.remove(&plan.index_key).as_ref().and_then(index_of);
        match index.filter(|index| asked.contains(index) && !items.contains_key(index)) {
            Some(index) => {
                items.insert(index, fields);
            }
            None => repairs.note(Repair::ExtraItem),
        }
    }
    items
}

fn index_of(value: &Value) -> Option<usize> {
    match value {
        Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// The objects of a list, of the first list inside an object, or the objects inside an object.
fn list_of(value: Value) -> Vec<Map<String, Value>> {
    let objects = |values: Vec<Value>| {
        values.into_iter().filter_map(|value| match value {
            Value::Object(fields) => Some(fields),
            _ => None,
        })
    };
    match value {
        Value::Array(values) => objects(values).collect(),
        Value::Object(mut fields) => {
            let key = fields.iter().find(|(_, value)| value.is_array()).map(|(key, _)| key.clone());
            match key.and_then(|key| fields.remove(&key)) {
                Some(Value::Array(values)) => objects(values).collect(),
                _ => objects(fields.into_iter().map(|(_, value)| value).collect()).collect(),
            }
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn sorted(asked: &[usize], content: &str) -> Result<(Vec<(usize, String)>, String), RejectClass> {
        let plan = Plan::compile(&testing::request()).unwrap();
        let answer = Answer {
            content: content.to_owned(),
            refusal: None,
            finish: Finish::Stop,
            model: None,
            prompt_tokens: 0,
            completion_tokens: 0,
            cost_usd: None,
            status: 200,
        };
        let sorted = sort(&plan, asked, &answer).map_err(|failure| failure.class)?;
        let mut items: Vec<_> = sorted
            .items
            .into_iter()
            .map(|(index, fields)| {
                (index, fields.get("title").and_then(Value::as_str).unwrap_or_default().to_owned())
            })
            .collect();
        items.sort();
        Ok((items, sorted.repairs.names().join(" ")))
    }

    fn pairs(list: &[(usize, &str)]) -> Vec<(usize, String)> {
        list.iter().map(|(index, text)| (*index, (*text).to_owned())).collect()
    }

    #[test]
    fn one_item_is_found_plain_wrapped_or_listed() {
        for (content, repairs) in [
            (r#"{"title": "a"}"#, ""),
            (r#"{"items": [{"index": 0, "title": "a"}]}"#, "unwrapped"),
            (r#"[{"title": "a"}]"#, "unwrapped"),
            (r#"{"record": {"title": "a"}}"#, "unwrapped"),
        ] {
            assert_eq!(sorted(&[7], content), Ok((pairs(&[(7, "a")]), repairs.to_owned())), "{content}");
        }
        assert_eq!(sorted(&[7], r#"{"other": "a"}"#), Ok((vec![], String::new())));
    }

    #[test]
    fn several_items_are_told_apart_by_index_or_order() {
        let both = pairs(&[(1, "a"), (4, "b")]);
        for (content, wanted, repairs) in [
            (r#"{"items": [{"index": 4, "title": "b"}, {"index": 1, "title": "a"}]}"#, both.clone(), ""),
            (r#"{"items": [{"title": "a"}, {"title": "b"}]}"#, both.clone(), "index_by_order"),
            (r#"[{"index": "1", "title": "a"}, {"index": 4, "title": "b"}]"#, both.clone(), "unwrapped"),
            (
                r#"{"items": [{"index": 1, "title": "a"}, {"index": 9, "title": "x"}, {"index": 1, "title": "y"}]}"#,
                pairs(&[(1, "a")]),
                "extra_item",
            ),
            (r#"{"items": [{"title": "a"}]}"#, vec![], "extra_item"),
        ] {
            assert_eq!(sorted(&[1, 4], content), Ok((wanted, repairs.to_owned())), "{content}");
        }
    }

    #[test]
    fn an_answer_that_declines_is_a_refusal() {
        assert_eq!(sorted(&[0], "I'm sorry, but I can't help with that."), Err(RejectClass::Refusal));
        assert_eq!(sorted(&[0], "What a lovely day"), Err(RejectClass::Parse));
        assert_eq!(sorted(&[0], ""), Err(RejectClass::Parse));
        assert_eq!(
            sorted(&[0], "Sorry, here it is: {\"title\": \"a\"}"),
            Ok((pairs(&[(0, "a")]), "leading_text".to_owned()))
        );
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(content in r#"([\{\}\[\]",:0-3 ]|"items"|"index"|"title"|null|a){0,40}"#) {
            let _ = sorted(&[0], &content);
            let _ = sorted(&[0, 1, 2], &content);
        }
    }
}
