//! The JSON Schema of an answer: closed objects with every property required, as strict modes want it. Pure.

use std::borrow::Cow;

use serde_json::{Map, Value, json};

use crate::plan::Plan;

/// The schema of the answer as text; that for one item is written once a plan.
///
/// # Errors
/// When it cannot be written as JSON.
pub fn answer_text<'plan>(plan: &'plan Plan, asked: &[usize]) -> serde_json::Result<Cow<'plan, str>> {
    if asked.len() > 1 {
        return serde_json::to_string(&answer(plan, asked)).map(Cow::Owned);
    }
    if let Some(text) = plan.single_answer.get() {
        return Ok(Cow::Borrowed(text));
    }
    let text = serde_json::to_string(&answer(plan, asked))?;
    Ok(Cow::Borrowed(plan.single_answer.get_or_init(|| text)))
}

/// The schema of the answer for the items `asked`; one item is a plain object, several a list under `items`.
pub fn answer(plan: &Plan, asked: &[usize]) -> Value {
    let mut properties = Map::new();
    let mut definitions = Map::new();
    if asked.len() > 1 {
        properties.insert(plan.index_key.clone(), json!({"type": "integer", "enum": asked}));
    }
    for part in &plan.llm {
        let mut schema = part.schema.clone();
        close(&mut schema);
        properties.insert(part.name.clone(), place(schema, &part.name, &mut definitions));
    }
    let item = closed_object(properties);
    let mut whole = match asked.len() {
        1 => item,
        k => {
            let list = json!({"type": "array", "items": item, "minItems": k, "maxItems": k});
            closed_object(Map::from_iter([("items".to_owned(), list)]))
        }
    };
    if let Some(fields) = whole.as_object_mut().filter(|_| !definitions.is_empty()) {
        fields.insert("$defs".to_owned(), Value::Object(definitions));
    }
    whole
}

fn closed_object(properties: Map<String, Value>) -> Value {
    let required: Vec<&String> = properties.keys().collect();
    json!({"type": "object", "required": required, "additionalProperties": false, "properties": properties})
}

/// A schema with references moves to the root's definitions, because its references count from its own root.
fn place(mut schema: Value, name: &str, definitions: &mut Map<String, Value>) -> Value {
    if let Some(fields) = schema.as_object_mut() {
        fields.remove("$schema");
        fields.remove("$id");
    }
    if !refers(&schema) {
        return schema;
    }
    let home = format!("#/$defs/{name}");
    relink(&mut schema, &home);
    definitions.insert(name.to_owned(), schema);
    json!({"$ref": home})
}

fn refers(schema: &Value) -> bool {
    match schema {
        Value::Object(fields) => fields.contains_key("$ref") || fields.values().any(refers),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

fn relink(schema: &mut Value, home: &str) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(link) if key == "$ref" => {
                        if let Some(inside) = link.strip_prefix('#') {
                            *link = format!("{home}{inside}");
                        }
                    }
                    other => relink(other, home),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| relink(item, home)),
        _ => {}
    }
}

/// Closes objects that do not say whether they are open, and asks for all their properties.
fn close(schema: &mut Value) {
    let Some(fields) = schema.as_object_mut() else { return };
    let keys = fields
        .get("properties")
        .and_then(Value::as_object)
        .map(|all| all.keys().cloned().collect::<Vec<_>>());
    if let Some(keys) = keys
        && !fields.contains_key("additionalProperties")
        && !fields.contains_key("patternProperties")
        && !fields.contains_key("allOf")
    {
        fields.insert("additionalProperties".to_owned(), Value::Bool(false));
        fields.insert("required".to_owned(), json!(keys));
    }
    for (key, value) in fields {
        match (key.as_str(), value) {
            ("properties" | "$defs" | "definitions", Value::Object(inside)) => {
                inside.values_mut().for_each(close)
            }
            ("anyOf" | "oneOf" | "prefixItems", Value::Array(inside)) => inside.iter_mut().for_each(close),
            ("items", inside) => close(inside),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn plan(schema: Value) -> Plan {
        let mut json = testing::request_json();
        json["columns"] = json!([{"kind": "llm", "name": "a", "prompt": "p", "json_schema": schema}]);
        json["output"] = json!(["a"]);
        json["unique"] = json!([]);
        Plan::compile(&testing::read(&json)).unwrap()
    }

    #[test]
    fn one_item_is_plain_and_several_carry_the_asked_indexes() {
        let plan = plan(json!({"type": "string"}));
        assert_eq!(
            answer(&plan, &[3]),
            json!({"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"],
                   "additionalProperties": false})
        );
        let several = answer(&plan, &[0, 2]);
        let item = &several["properties"]["items"]["items"];
        assert_eq!(item["properties"]["index"], json!({"type": "integer", "enum": [0, 2]}));
        assert_eq!(item["required"], json!(["index", "a"]));
        let list = &several["properties"]["items"];
        assert_eq!((&list["minItems"], &list["maxItems"]), (&json!(2), &json!(2)));
    }

    #[test]
    fn nested_objects_are_closed_unless_they_say_that_they_are_open() {
        let nested = json!({"type": "object", "properties": {
            "x": {"type": "array", "items": {"type": "object", "properties": {"y": {"type": "string"}}}},
            "map": {"type": "object", "additionalProperties": {"type": "string"}}}});
        let schema = &answer(&plan(nested), &[0])["properties"]["a"];
        assert_eq!(schema["required"], json!(["x", "map"]));
        assert_eq!(schema["properties"]["x"]["items"]["additionalProperties"], json!(false));
        assert_eq!(schema["properties"]["map"]["additionalProperties"], json!({"type": "string"}));
    }

    #[test]
    fn references_still_lead_to_their_definitions() {
        let linked = json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}});
        let schema = answer(&plan(linked), &[0]);
        assert_eq!(schema["properties"]["a"], json!({"$ref": "#/$defs/a"}));
        assert_eq!(schema["$defs"]["a"]["$ref"], json!("#/$defs/a/$defs/n"));
        assert!(jsonschema::validator_for(&schema).unwrap().is_valid(&json!({"a": 1})));
    }
}
