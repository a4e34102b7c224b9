//! How many tokens a call will take, by what the calls before it took.

use serde_json::Value;

use crate::contract::JsonObject;

/// Tokens a byte of the body, before any answer: four characters a token.
const INPUT_AT_FIRST: f64 = 0.25;
/// Tokens written for a slot, before any answer.
const OUTPUT_AT_FIRST: f64 = 256.0;
/// Far less than a token, far more than what a double cannot tell.
const ROUNDING: f64 = 1e-6;
/// Weight of the newest answer in the mean.
const NEWEST: f64 = 0.05;
/// Names under which a call says how much may be written.
const CAPS: [&str; 3] = ["max_completion_tokens", "max_tokens", "max_output_tokens"];

/// What a call looks like before it is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Length of its body.
    pub bytes: usize,
    pub slots: usize,
    /// The most that may be written, where the recipe says so: providers count that much in advance.
    pub cap: Option<u64>,
}

impl Shape {
    /// The shape of a call with this body for so many slots.
    pub fn of(body: &[u8], slots: usize, parameters: &JsonObject) -> Self {
        let cap = CAPS.iter().find_map(|name| parameters.get(*name).and_then(Value::as_u64));
        Self { bytes: body.len(), slots, cap }
    }
}

/// Running means, and the largest answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    input_per_byte: f64,
    output_per_slot: f64,
    answers: u64,
    most_input_per_byte: f64,
    most_output_per_slot: f64,
}

impl Default for Estimate {
    fn default() -> Self {
        Self {
            input_per_byte: INPUT_AT_FIRST,
            output_per_slot: OUTPUT_AT_FIRST,
            answers: 0,
            most_input_per_byte: 0.0,
            most_output_per_slot: 0.0,
        }
    }
}

impl Estimate {
    /// Input and output tokens that the call will probably take, at least one each.
    pub fn tokens(&self, shape: &Shape) -> (u64, u64) {
        let input = (self.input_per_byte * shape.bytes as f64).ceil() as u64;
        let output = (self.output_per_slot * shape.slots as f64).ceil() as u64;
        (input.max(1), shape.cap.unwrap_or(output).max(1))
    }

    /// The most that the call should take: as much as any answer so far, where the recipe sets no limit.
    pub fn most(&self, shape: &Shape) -> (u64, u64) {
        if self.answers == 0 {
            return self.tokens(shape);
        }
        // a product of a quotient: without the last digits 11 tokens stay 11
        let whole = |tokens: f64| (tokens - ROUNDING).ceil() as u64;
        let input = whole(self.most_input_per_byte * shape.bytes as f64);
        let output = whole(self.most_output_per_slot * shape.slots as f64);
        (input.max(1), shape.cap.unwrap_or(output).max(1))
    }

    /// Learns from an answer.
    pub fn learn(&mut self, shape: &Shape, input: u64, output: u64) {
        self.answers += 1;
        // the first answers weigh as in a plain mean
        let weight = NEWEST.max(1.0 / self.answers as f64);
        let mean = |old: f64, new: f64| old + weight * (new - old);
        let (input, output) =
            (input as f64 / shape.bytes.max(1) as f64, output as f64 / shape.slots.max(1) as f64);
        self.input_per_byte = mean(self.input_per_byte, input);
        self.output_per_slot = mean(self.output_per_slot, output);
        self.most_input_per_byte = self.most_input_per_byte.max(input);
        self.most_output_per_slot = self.most_output_per_slot.max(output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn it_begins_with_a_rule_of_thumb_and_follows_the_answers() {
        let mut estimate = Estimate::default();
        let shape = Shape { bytes: 4000, slots: 2, cap: None };
        assert_eq!(estimate.tokens(&shape), (1000, 512));
        estimate.learn(&shape, 800, 100);
        assert_eq!(estimate.tokens(&shape), (800, 100));
        (0..200).for_each(|_| estimate.learn(&shape, 1200, 300));
        let (input, output) = estimate.tokens(&shape);
        assert!((1190..=1201).contains(&input) && (295..=301).contains(&output), "{input} {output}");
    }

    #[test]
    fn the_most_is_what_the_largest_answer_took() {
        let mut estimate = Estimate::default();
        let shape = Shape { bytes: 1000, slots: 2, cap: None };
        assert_eq!(estimate.most(&shape), estimate.tokens(&shape), "nothing is known yet");
        for (input, output) in [(100, 50), (300, 20), (200, 10)] {
            estimate.learn(&shape, input, output);
        }
        assert_eq!(estimate.most(&shape), (300, 50));
        assert_eq!(estimate.most(&Shape { cap: Some(40), ..shape }).1, 40);
    }

    #[test]
    fn what_the_recipe_caps_is_what_providers_count() {
        let parameters = json!({"max_tokens": 900}).as_object().unwrap().clone();
        let shape = Shape::of(b"body", 3, &parameters);
        assert_eq!(Estimate::default().tokens(&shape).1, 900);
    }
}
