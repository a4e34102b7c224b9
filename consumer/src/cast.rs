//! From the text that a template gives to a value of a type, by the rules of Python's `synthmill.recipes.values`.
//!
//! `schemas/examples/templates.json` holds both to them. Pure.

use serde_json::{Number, Value};

use crate::contract::ValueType;
use crate::text;

const LONGEST_INTEGER: usize = 19;
const LONGEST_NUMBER: usize = 400;
/// Lists and maps inside each other; serde_json itself would stop at 128.
const DEEPEST: usize = 100;

/// The value; text is kept as it is, the other types ignore blanks around them.
///
/// # Errors
/// Says what the text is not.
pub fn cast(rendered: String, value_type: ValueType) -> Result<Value, String> {
    let bare = rendered.trim_matches([' ', '\t', '\r', '\n']);
    let wrong = |what: &str| format!("{:?} is {what}", text::cut(bare, 60));
    match value_type {
        ValueType::String => Ok(Value::String(rendered)),
        ValueType::Integer => integer(bare).ok_or_else(|| wrong("not an integer of 64 bits")),
        ValueType::Number => number(bare).ok_or_else(|| wrong("not a finite number")),
        ValueType::Boolean => boolean(bare).ok_or_else(|| wrong("neither true nor false")),
        ValueType::Json => match serde_json::from_str::<Value>(&rendered) {
            Ok(value) if within(&value, DEEPEST) => Ok(value),
            Ok(_) => Err(wrong("JSON nested too deep")),
            Err(error) => Err(wrong(&format!("not JSON: {error}"))),
        },
    }
}

fn integer(text: &str) -> Option<Value> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (plain && digits.len() <= LONGEST_INTEGER).then(|| text.parse::<i64>().ok().map(Value::from)).flatten()
}

fn number(text: &str) -> Option<Value> {
    let fits = text.len() <= LONGEST_NUMBER && is_decimal(text);
    let parsed = fits.then(|| text.parse::<f64>().ok()).flatten()?;
    Number::from_f64(parsed).map(Value::Number)
}

/// `-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?`
fn is_decimal(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))),
        None => (text, None),
    };
    let mantissa = mantissa.strip_prefix('-').unwrap_or(mantissa);
    let (whole, fraction) =
        mantissa.split_once('.').map_or((mantissa, None), |(whole, rest)| (whole, Some(rest)));
    digits(whole) && fraction.is_none_or(digits) && exponent.is_none_or(digits)
}

fn boolean(text: &str) -> Option<Value> {
    match text.to_lowercase().as_str() {
        "true" => Some(Value::Bool(true)),
        "false" => Some(Value::Bool(false)),
        _ => None,
    }
}

fn within(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels > 0 && items.iter().all(|item| within(item, levels - 1)),
        Value::Object(fields) => levels > 0 && fields.values().all(|item| within(item, levels - 1)),
        _ => true,
    }
}
