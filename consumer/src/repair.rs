//! Finds the JSON value in a model's answer, mending what models commonly get wrong. Pure.

use serde_json::Value;

mod scan;

use scan::{Ending, Scan};

/// What had to be done to the answer; the names stand in the record's provenance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Repair {
    Bom,
    Thinking,
    Fence,
    LeadingText,
    TrailingText,
    TrailingComma,
    ControlCharacter,
    ClosedBracket,
    Truncation,
    Unwrapped,
    IndexByOrder,
    ExtraItem,
    ExtraKey,
    AbsentNull,
    TextToNumber,
    NumberToText,
    TextToBoolean,
    IntegralNumber,
    EnumCase,
    ScalarToArray,
}

impl Repair {
    /// The name as it stands in `provenance.repairs`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bom => "bom",
            Self::Thinking => "thinking",
            Self::Fence => "fence",
            Self::LeadingText => "leading_text",
            Self::TrailingText => "trailing_text",
            Self::TrailingComma => "trailing_comma",
            Self::ControlCharacter => "control_character",
            Self::ClosedBracket => "closed_bracket",
            Self::Truncation => "truncation",
            Self::Unwrapped => "unwrapped",
            Self::IndexByOrder => "index_by_order",
            Self::ExtraItem => "extra_item",
            Self::ExtraKey => "extra_key",
            Self::AbsentNull => "absent_null",
            Self::TextToNumber => "text_to_number",
            Self::NumberToText => "number_to_text",
            Self::TextToBoolean => "text_to_boolean",
            Self::IntegralNumber => "integral_number",
            Self::EnumCase => "enum_case",
            Self::ScalarToArray => "scalar_to_array",
        }
    }
}

/// The repairs of one answer or item, each once, in the order they were first needed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Repairs(Vec<Repair>);

impl Repairs {
    /// Notes `repair` unless it is noted already.
    pub fn note(&mut self, repair: Repair) {
        if !self.0.contains(&repair) {
            self.0.push(repair);
        }
    }

    /// Notes all of `others`.
    pub fn extend(&mut self, others: &Self) {
        others.0.iter().for_each(|repair| self.note(*repair));
    }

    /// The names for the provenance.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|repair| repair.name().to_owned()).collect()
    }
}

/// An answer's JSON value.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub value: Value,
    pub repairs: Repairs,
    /// The answer broke off: what is missing was cut, not forgotten.
    pub cut: bool,
}

/// Why no value was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Lost {
    #[error("the answer is empty")]
    Empty,
    #[error("the answer holds no JSON object or list")]
    NoJson,
    #[error("the answer broke off before its first item was complete")]
    Truncated,
}

/// How many opening brackets are tried as the start of the value.
const MOST_STARTS: usize = 64;

/// Finds the object or list in `answer`; `cut_off` says that the provider stopped at its length limit.
///
/// # Errors
/// Says what is missing; the answer is then good for nothing but the ledger.
pub fn find(answer: &str, cut_off: bool) -> Result<Found, Lost> {
    let mut repairs = Repairs::default();
    let text = strip(answer, &mut repairs);
    if text.is_empty() {
        return Err(Lost::Empty);
    }
    if let Some(value) = parsed(text) {
        return Ok(Found { value, repairs, cut: false });
    }
    let text = unfence(text, &mut repairs);
    search(text, repairs, cut_off)
}

/// Takes off the byte order mark, white space and a reasoning model's thoughts.
fn strip<'text>(answer: &'text str, repairs: &mut Repairs) -> &'text str {
    let mut text = answer.trim();
    if let Some(rest) = text.strip_prefix('\u{feff}') {
        repairs.note(Repair::Bom);
        text = rest.trim_start();
    }
    if text.starts_with("<think>")
        && let Some((_, rest)) = text.split_once("</think>")
    {
        repairs.note(Repair::Thinking);
        text = rest.trim_start();
    }
    text
}

/// The inside of a code fence that comes before any bracket; without a closing fence all that follows.
fn unfence<'text>(text: &'text str, repairs: &mut Repairs) -> &'text str {
    let Some(open) = text.find("```") else { return text };
    if text[..open].contains(['{', '[']) {
        return text;
    }
    let inside = &text[open + 3..];
    let inside = inside.trim_start_matches(|c: char| c.is_ascii_alphanumeric());
    repairs.note(Repair::Fence);
    match inside.rfind("```") {
        Some(close) => inside[..close].trim(),
        None => inside.trim(),
    }
}

/// Tries each bracket that can start an answer until one does.
fn search(text: &str, repairs: Repairs, cut_off: bool) -> Result<Found, Lost> {
    let mut from = 0;
    for _ in 0..MOST_STARTS {
        let Some(start) = scan::next_start(text, from) else { break };
        let scan = scan::scan(&text[start..]);
        if let Some(mut found) = mend(&scan, cut_off) {
            found.repairs = with_chatter(text, start, &scan, repairs, &found.repairs);
            return Ok(found);
        }
        if scan.ending != Ending::Closed {
            return Err(Lost::Truncated);
        }
        from = start + scan.resume;
    }
    Err(if cut_off { Lost::Truncated } else { Lost::NoJson })
}

/// The value of a scan: whole, or what of it is complete when the answer broke off.
fn mend(scan: &Scan, cut_off: bool) -> Option<Found> {
    let mut repairs = Repairs::default();
    if scan.escaped {
        repairs.note(Repair::ControlCharacter);
    }
    if scan.dropped_comma {
        repairs.note(Repair::TrailingComma);
    }
    let Ending::Open { closers, whole } = &scan.ending else {
        return parsed(&scan.clean).map(|value| Found { value, repairs, cut: false });
    };
    // at the length limit even a value that looks complete may have been cut short
    let closed = (*whole && !cut_off).then(|| parsed(&format!("{}{closers}", scan.clean))).flatten();
    if let Some(value) = closed {
        repairs.note(Repair::ClosedBracket);
        return Some(Found { value, repairs, cut: true });
    }
    let (end, closers) = scan.last_item.as_ref()?;
    let value = parsed(&format!("{}{closers}", &scan.clean[..*end]))?;
    repairs.note(Repair::Truncation);
    Some(Found { value, repairs, cut: true })
}

fn parsed(text: &str) -> Option<Value> {
    serde_json::from_str::<Value>(text).ok().filter(holds_object)
}

/// An answer is an object or a list of objects; `[1]` is a footnote in the chatter.
fn holds_object(value: &Value) -> bool {
    match value {
        Value::Object(_) => true,
        Value::Array(items) => items.iter().any(Value::is_object),
        _ => false,
    }
}

fn with_chatter(text: &str, start: usize, scan: &Scan, mut all: Repairs, found: &Repairs) -> Repairs {
    if !text[..start].trim().is_empty() {
        all.note(Repair::LeadingText);
    }
    if scan.ending == Ending::Closed && !text[start + scan.read..].trim().is_empty() {
        all.note(Repair::TrailingText);
    }
    all.extend(found);
    all
}

#[cfg(test)]
mod tests;
