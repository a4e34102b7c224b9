//! Between AMQP's typed tables and the texts that the rest of the program sees.

use lapin::types::{AMQPValue, FieldTable};

use crate::amqp::envelope::Headers;
use crate::amqp::topology::Argument;

/// A queue's arguments.
pub fn arguments(arguments: Vec<(&'static str, Argument)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        let value = match value {
            Argument::Text(text) => AMQPValue::LongString(text.into_bytes().into()),
            Argument::Number(number) => AMQPValue::LongLongInt(number),
        };
        table.insert(name.into(), value);
    }
    table
}

/// Headers that go out.
pub fn table(headers: &Headers) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        // AMQP has one byte for the length of a name
        if name.len() <= 255 {
            table.insert(name.as_str().into(), AMQPValue::LongString(value.as_bytes().to_vec().into()));
        }
    }
    table
}

/// Headers that came in; tables and lists, which nobody of ours sends, are left out.
pub fn headers(table: Option<&FieldTable>) -> Headers {
    let pairs = table.into_iter().flatten();
    pairs.filter_map(|(name, value)| Some((name.to_string(), text(value)?))).collect()
}

fn text(value: &AMQPValue) -> Option<String> {
    Some(match value {
        AMQPValue::LongString(text) => String::from_utf8_lossy(text.as_bytes()).into_owned(),
        AMQPValue::ShortString(text) => text.to_string(),
        AMQPValue::ByteArray(bytes) => String::from_utf8_lossy(bytes.as_slice()).into_owned(),
        AMQPValue::Boolean(value) => value.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Timestamp(number) => number.to_string(),
        AMQPValue::Float(number) => number.to_string(),
        AMQPValue::Double(number) => number.to_string(),
        AMQPValue::DecimalValue(_)
        | AMQPValue::FieldArray(_)
        | AMQPValue::FieldTable(_)
        | AMQPValue::Void => return None,
    })
}
