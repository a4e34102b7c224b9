//! Brings a value closer to its JSON Schema where nobody can doubt what was meant. Pure.
//!
//! What cannot be brought over is left as it is: the validator then names the fault.

use serde_json::{Map, Number, Value};

use crate::repair::{Repair, Repairs};

/// How deep schemas and references are followed; deeper values are left alone.
const DEEPEST: usize = 32;

/// `value` coerced by `schema`; local references are looked up in `root`.
pub fn coerce(value: Value, schema: &Value, root: &Value, repairs: &mut Repairs) -> Value {
    step(value, schema, root, repairs, 0)
}

/// Whether `schema` allows null.
pub fn is_nullable(schema: &Value, root: &Value) -> bool {
    let schema = resolve(schema, root);
    let branches = |key| schema.get(key).and_then(Value::as_array);
    let typed = types(schema).any(|name| name == "null");
    let listed = branches("enum").is_some_and(|values| values.contains(&Value::Null));
    typed
        || listed
        || ["anyOf", "oneOf"].iter().any(|key| {
            branches(key).is_some_and(|all| all.iter().any(|branch| types(branch).any(|name| name == "null")))
        })
}

fn step(value: Value, schema: &Value, root: &Value, repairs: &mut Repairs, depth: usize) -> Value {
    let schema = resolve(schema, root);
    if depth >= DEEPEST || !schema.is_object() {
        return value;
    }
    if let Some(branch) = branch_for(&value, schema, root) {
        return step(value, branch, root, repairs, depth + 1);
    }
    let value = to_type(value, schema, repairs);
    let value = to_enum(value, schema, repairs);
    match value {
        Value::Object(fields) => Value::Object(object(fields, schema, root, repairs, depth)),
        Value::Array(items) => Value::Array(array(items, schema, root, repairs, depth)),
        other => other,
    }
}

/// Follows `$ref`s within the schema, a few times only: they may run in a circle.
fn resolve<'schema>(mut schema: &'schema Value, root: &'schema Value) -> &'schema Value {
    for _ in 0..8 {
        let Some(pointer) =
            schema.get("$ref").and_then(Value::as_str).and_then(|text| text.strip_prefix('#'))
        else {
            break;
        };
        let Some(target) = root.pointer(pointer) else { break };
        schema = target;
    }
    schema
}

fn types(schema: &Value) -> impl Iterator<Item = &str> {
    let (one, many) = match schema.get("type") {
        Some(Value::String(name)) => (Some(name.as_str()), None),
        Some(Value::Array(names)) => (None, Some(names)),
        _ => (None, None),
    };
    one.into_iter().chain(many.into_iter().flatten().filter_map(Value::as_str))
}

/// The alternative that the value belongs to: the first of its own type, else the only one that is not null.
fn branch_for<'schema>(
    value: &Value,
    schema: &'schema Value,
    root: &'schema Value,
) -> Option<&'schema Value> {
    let branches = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    let fits = |branch: &&Value| types(resolve(branch, root)).any(|name| is_of(value, name));
    branches.iter().find(fits).or_else(|| {
        let mut others = branches.iter().filter(|branch| !types(branch).any(|name| name == "null"));
        let only = others.next();
        only.filter(|_| others.next().is_none())
    })
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

fn to_type(value: Value, schema: &Value, repairs: &mut Repairs) -> Value {
    if types(schema).next().is_none() || types(schema).any(|name| is_of(&value, name)) {
        return value;
    }
    for name in types(schema) {
        if let Some((converted, repair)) = convert(&value, name) {
            repairs.note(repair);
            return converted;
        }
    }
    value
}

fn convert(value: &Value, name: &str) -> Option<(Value, Repair)> {
    match (name, value) {
        ("integer", Value::Number(number)) => Some((integral(number)?.into(), Repair::IntegralNumber)),
        ("integer", Value::String(text)) => match text.trim().parse::<Number>().ok()? {
            whole if whole.is_i64() || whole.is_u64() => Some((whole.into(), Repair::TextToNumber)),
            other => Some((integral(&other)?.into(), Repair::TextToNumber)),
        },
        ("number", Value::String(text)) => {
            Some((text.trim().parse::<Number>().ok()?.into(), Repair::TextToNumber))
        }
        ("boolean", Value::String(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" => Some((true.into(), Repair::TextToBoolean)),
            "false" => Some((false.into(), Repair::TextToBoolean)),
            _ => None,
        },
        ("string", Value::Number(number)) => Some((number.to_string().into(), Repair::NumberToText)),
        ("array", Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Object(_)) => {
            Some((Value::Array(vec![value.clone()]), Repair::ScalarToArray))
        }
        _ => None,
    }
}

/// The integer that a float such as `1.0` stands for, where floats are exact.
fn integral(number: &Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

/// A text that differs from exactly one allowed text by case and white space only.
fn to_enum(value: Value, schema: &Value, repairs: &mut Repairs) -> Value {
    let listed = schema.get("enum").and_then(Value::as_array).map(Vec::as_slice);
    let allowed = listed.or_else(|| schema.get("const").map(std::slice::from_ref));
    let (Some(allowed), Value::String(text)) = (allowed, &value) else { return value };
    if allowed.contains(&value) {
        return value;
    }
    let folded = fold(text);
    let mut matches = allowed.iter().filter(|one| one.as_str().is_some_and(|one| fold(one) == folded));
    match (matches.next(), matches.next()) {
        (Some(only), None) => {
            repairs.note(Repair::EnumCase);
            only.clone()
        }
        _ => value,
    }
}

fn fold(text: &str) -> String {
    text.split_whitespace().collect::<String>().to_lowercase()
}

fn object(
    fields: Map<String, Value>,
    schema: &Value,
    root: &Value,
    repairs: &mut Repairs,
    depth: usize,
) -> Map<String, Value> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return fields };
    // the schema that was sent is closed where it says nothing else, so an extra key is drift
    let closed = matches!(schema.get("additionalProperties"), None | Some(Value::Bool(false)))
        && schema.get("patternProperties").is_none();
    let mut kept = Map::new();
    for (key, value) in fields {
        match properties.get(&key) {
            Some(property) => {
                kept.insert(key, step(value, property, root, repairs, depth + 1));
            }
            None if closed => repairs.note(Repair::ExtraKey),
            None => {
                kept.insert(key, value);
            }
        }
    }
    fill_nulls(&mut kept, properties, schema, root, repairs);
    kept
}

fn fill_nulls(
    kept: &mut Map<String, Value>,
    properties: &Map<String, Value>,
    schema: &Value,
    root: &Value,
    repairs: &mut Repairs,
) {
    let required = schema.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !kept.contains_key(name)
            && properties.get(name).is_some_and(|property| is_nullable(property, root))
        {
            repairs.note(Repair::AbsentNull);
            kept.insert(name.to_owned(), Value::Null);
        }
    }
}

fn array(items: Vec<Value>, schema: &Value, root: &Value, repairs: &mut Repairs, depth: usize) -> Vec<Value> {
    let Some(item_schema) = schema.get("items").filter(|schema| schema.is_object()) else { return items };
    items.into_iter().map(|item| step(item, item_schema, root, repairs, depth + 1)).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn coerced(value: Value, schema: &Value) -> (Value, Vec<String>) {
        let mut repairs = Repairs::default();
        let value = coerce(value, schema, schema, &mut repairs);
        (value, repairs.names())
    }

    #[test]
    fn values_are_brought_to_the_type_that_the_schema_wants() {
        let color = json!({"enum": ["Light Blue", "red", "RED"]});
        let open =
            json!({"type": "object", "properties": {"a": {"type": "integer"}}, "additionalProperties": true});
        let closed = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
        let nullable =
            json!({"type": "object", "properties": {"a": {"type": ["string", "null"]}}, "required": ["a"]});
        let either = json!({"anyOf": [{"type": "integer"}, {"type": "null"}]});
        let linked = json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}});
        let cases = [
            (json!("1"), json!({"type": "integer"}), json!(1), "text_to_number"),
            (json!(" 2.0 "), json!({"type": "integer"}), json!(2), "text_to_number"),
            (json!(1.0), json!({"type": "integer"}), json!(1), "integral_number"),
            (json!(1.5), json!({"type": "integer"}), json!(1.5), ""),
            (json!(1e300), json!({"type": "integer"}), json!(1e300), ""),
            (json!("2.5"), json!({"type": "number"}), json!(2.5), "text_to_number"),
            (json!("NaN"), json!({"type": "number"}), json!("NaN"), ""),
            (json!(1), json!({"type": "string"}), json!("1"), "number_to_text"),
            (json!("True"), json!({"type": "boolean"}), json!(true), "text_to_boolean"),
            (json!("yes"), json!({"type": "boolean"}), json!("yes"), ""),
            (
                json!("a"),
                json!({"type": "array", "items": {"type": "string"}}),
                json!(["a"]),
                "scalar_to_array",
            ),
            (
                json!(["1", 2]),
                json!({"type": "array", "items": {"type": "integer"}}),
                json!([1, 2]),
                "text_to_number",
            ),
            (json!("light  blue"), color.clone(), json!("Light Blue"), "enum_case"),
            (json!("Red"), color.clone(), json!("Red"), ""),
            (json!("YES"), json!({"const": "yes"}), json!("yes"), "enum_case"),
            (json!({"a": "1", "b": 2}), closed, json!({"a": 1}), "text_to_number extra_key"),
            (json!({"a": 1, "b": 2}), open, json!({"a": 1, "b": 2}), ""),
            (json!({}), nullable, json!({"a": null}), "absent_null"),
            (json!("7"), either.clone(), json!(7), "text_to_number"),
            (json!(null), either, json!(null), ""),
            (json!("7"), linked, json!(7), "text_to_number"),
            (json!("1"), json!(true), json!("1"), ""),
            (json!("1"), json!({"type": ["null", "integer"]}), json!(1), "text_to_number"),
        ];
        for (value, schema, wanted, repairs) in cases {
            let (got, names) = coerced(value.clone(), &schema);
            assert_eq!((got, names.join(" ")), (wanted, repairs.to_owned()), "{value} by {schema}");
        }
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let circle = json!({"$ref": "#"});
        assert_eq!(coerced(json!("1"), &circle).0, json!("1"));
        let list = json!({"type": "array", "items": {"$ref": "#"}});
        assert_eq!(coerced(json!(1), &list).0.to_string().matches('[').count(), DEEPEST);
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            "[a-zA-Z0-9 .#/-]{0,12}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            "type|enum|const|items|anyOf|oneOf|required|properties|additionalProperties|[$]ref|a|b",
            "[a-z]{0,3}"
        ];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::hash_map(key.clone(), inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn no_value_and_no_schema_make_it_panic(value in json(), schema in json()) {
            coerced(value.clone(), &schema);
            is_nullable(&schema, &schema);
        }
    }
}
