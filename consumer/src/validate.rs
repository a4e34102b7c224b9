//! From a model's item to a record: coerce, validate, compute expressions, put in order, validate. Pure.

use jsonschema::Validator;
use serde_json::Value;

use crate::cast;
use crate::coerce;
use crate::contract::{GenerationRequest, JsonObject, RejectClass, RequestSlot, Sha256Hex};
use crate::ids;
use crate::plan::{ExpressionPart, LlmPart, Plan};
use crate::repair::{Repair, Repairs};
use crate::template::Scope;
use crate::text;

/// One thing wrong with an item, as it is shown to the model and to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer into the record; empty for the whole.
    pub path: String,
    pub message: String,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub class: RejectClass,
    pub faults: Vec<Fault>,
}

impl Failure {
    /// A failure of the whole attempt.
    pub fn whole(class: RejectClass, message: impl Into<String>) -> Self {
        Self { class, faults: vec![Fault { path: String::new(), message: message.into() }] }
    }

    /// All faults in one line, at most 1,000 characters.
    pub fn reason(&self) -> String {
        let lines: Vec<String> = self
            .faults
            .iter()
            .map(|fault| match fault.path.as_str() {
                "" => fault.message.clone(),
                path => format!("{path}: {}", fault.message),
            })
            .collect();
        text::cut(&lines.join("; "), 1000)
    }
}

/// A record's content, valid.
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    pub data: JsonObject,
    pub hash: Sha256Hex,
}

const MOST_FAULTS: usize = 5;
const LONGEST_MESSAGE: usize = 300;

/// Makes the record of `slot` from the model's `item` (empty when the request has no llm column).
///
/// # Errors
/// Class `schema` when a value breaks its schema, `semantic` when an expression cannot be computed.
pub fn record(
    plan: &Plan,
    request: &GenerationRequest,
    slot: &RequestSlot,
    item: JsonObject,
    repairs: &mut Repairs,
) -> Result<Content, Failure> {
    let mut values = slot.attributes.clone();
    values.extend(written(plan, item, repairs)?);
    for part in &plan.expressions {
        let value = expression(plan, part, &values)?;
        values.insert(part.name.clone(), value);
    }
    let mut data = JsonObject::new();
    for name in &request.output {
        let value = values.get(name.as_str()).cloned().unwrap_or(Value::Null);
        data.insert(name.as_str().to_owned(), value);
    }
    let data = conforming(&plan.record, data)?;
    let hash = ids::content_hash(&data, &request.unique)
        .map_err(|error| Failure::whole(RejectClass::Schema, error))?;
    Ok(Content { data, hash })
}

/// The llm columns of `item`, each coerced and valid by its own schema.
fn written(plan: &Plan, mut item: JsonObject, repairs: &mut Repairs) -> Result<JsonObject, Failure> {
    let mut values = JsonObject::new();
    let mut faults = Vec::new();
    for part in &plan.llm {
        match column(part, item.remove(&part.name), repairs) {
            Ok(value) => {
                values.insert(part.name.clone(), value);
            }
            Err(found) => faults.extend(found),
        }
    }
    if !item.is_empty() {
        repairs.note(Repair::ExtraKey);
    }
    if faults.is_empty() {
        return Ok(values);
    }
    faults.truncate(MOST_FAULTS);
    Err(Failure { class: RejectClass::Schema, faults })
}

fn column(part: &LlmPart, value: Option<Value>, repairs: &mut Repairs) -> Result<Value, Vec<Fault>> {
    let value = match value {
        Some(value) => coerce::coerce(value, &part.schema, &part.schema, repairs),
        None if coerce::is_nullable(&part.schema, &part.schema) => {
            repairs.note(Repair::AbsentNull);
            Value::Null
        }
        None => {
            return Err(vec![Fault { path: format!("/{}", part.name), message: "is missing".to_owned() }]);
        }
    };
    let faults = faults(&part.validator, &value, &format!("/{}", part.name));
    if faults.is_empty() { Ok(value) } else { Err(faults) }
}

fn conforming(validator: &Validator, data: JsonObject) -> Result<JsonObject, Failure> {
    let value = Value::Object(data);
    let found = faults(validator, &value, "");
    match value {
        Value::Object(data) if found.is_empty() => Ok(data),
        _ => Err(Failure { class: RejectClass::Schema, faults: found }),
    }
}

fn faults(validator: &Validator, value: &Value, prefix: &str) -> Vec<Fault> {
    if validator.is_valid(value) {
        return Vec::new();
    }
    let errors = validator.iter_errors(value).take(MOST_FAULTS);
    errors
        .map(|error| Fault {
            path: format!("{prefix}{}", error.instance_path()),
            message: text::cut(&error.to_string(), LONGEST_MESSAGE),
        })
        .collect()
}

fn expression(plan: &Plan, part: &ExpressionPart, values: &JsonObject) -> Result<Value, Failure> {
    let fault = |message: String| Failure {
        class: RejectClass::Semantic,
        faults: vec![Fault {
            path: format!("/{}", part.name),
            message: text::cut(&message, LONGEST_MESSAGE),
        }],
    };
    let rendered = plan.templates.render(&part.name, &Scope::of(values)).map_err(fault)?;
    cast::cast(rendered, part.value_type).map_err(fault)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use serde_json::json;

    fn made(item: Value) -> Result<(Value, String), (RejectClass, String)> {
        let mut json = testing::request_json();
        json["columns"] = json!([
            {"kind": "llm", "name": "price", "prompt": "p", "json_schema": {"type": "integer", "minimum": 1}},
            {"kind": "llm", "name": "note", "prompt": "p", "json_schema": {"type": ["string", "null"]}},
            {"kind": "expression", "name": "half", "template": "{{ 10 / (price - 1) }}", "value_type": "number"},
            {"kind": "expression", "name": "cheap", "template": "{{ half > 2 }}", "value_type": "boolean"}
        ]);
        json["output"] = json!(["cheap", "product", "price", "note"]);
        json["unique"] = json!([]);
        json["record_schema"] = json!({"properties": {"price": {"maximum": 100}}});
        let request = testing::read(&json);
        let plan = Plan::compile(&request).unwrap();
        let mut repairs = Repairs::default();
        let item = item.as_object().cloned().unwrap();
        match record(&plan, &request, &request.slots[0], item, &mut repairs) {
            Ok(content) => Ok((Value::Object(content.data), repairs.names().join(" "))),
            Err(failure) => Err((failure.class, failure.reason())),
        }
    }

    #[test]
    fn a_record_has_its_columns_in_order_with_what_was_mended() {
        let (record, repairs) = made(json!({"price": "3", "note": "n", "junk": 1})).unwrap();
        assert_eq!(record.to_string(), r#"{"cheap":true,"product":"tea","price":3,"note":"n"}"#);
        assert_eq!(repairs, "text_to_number extra_key");
        assert_eq!(made(json!({"price": 3})).unwrap().0["note"], json!(null));
    }

    #[test]
    fn a_fault_names_its_path_and_class() {
        for (item, class, path) in [
            (json!({"price": 0, "note": "n"}), RejectClass::Schema, "/price: "),
            (json!({"note": "n"}), RejectClass::Schema, "/price: is missing"),
            (json!({"price": 200, "note": "n"}), RejectClass::Schema, "/price: "),
            (json!({"price": 1, "note": "n"}), RejectClass::Semantic, "/half: "),
        ] {
            let (found, reason) = made(item).unwrap_err();
            assert_eq!(found, class);
            assert!(reason.starts_with(path), "{reason}");
        }
    }
}
