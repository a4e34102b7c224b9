//! A message as it travels: its own headers, and ours about it. Python's `stack.rabbitmq.envelope` does the same.

use std::collections::BTreeMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::contract::Sha256Hex;
use crate::starts::MessageCopy;
use crate::text;

/// Names this one copy of a message: an id may be published twice, and each copy has a life of its own.
const COPY: &str = "x-synthmill-copy";
/// How often handling began before this copy was made.
const BEGUN: &str = "x-synthmill-begun";
/// In a dead letter: the queue it came from, and how often its handling had begun.
const ORIGINAL_QUEUE: &str = "x-original-queue";
const STARTED: &str = "x-started";
/// Before the name of each piece of evidence.
const EVIDENCE: &str = "x-evidence-";
const TRACEPARENT: &str = "traceparent";

/// Headers travel in one frame, and a frame has 128 KiB; one that does not fit would end the connection.
const MOST_HEADER_BYTES: usize = 64 << 10;
/// Of one piece of evidence.
const MOST_EVIDENCE: usize = 4_000;

const BROKERS: [&str; 3] = ["x-death", "x-delivery-count", "x-acquired-count"];
const BROKERS_PREFIXES: [&str; 3] = ["x-first-death-", "x-last-death-", "x-opt-"];

/// Header values as text; numbers and the like in decimal.
pub type Headers = BTreeMap<String, String>;

/// A message as it comes or goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub id: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Message {
    /// What came over the wire, apart into the message as it was published and the copy that it is; `queue` is the
    /// queue's name with its prefix.
    pub fn disclosed(id: String, mut headers: Headers, body: Vec<u8>, queue: &str) -> (Self, MessageCopy) {
        let named = headers.remove(COPY);
        // published by somebody who does not name copies: all that have this id count together
        let name = named.unwrap_or_else(|| Sha256Hex::of(format!("{queue}\n{id}").as_bytes()).to_string());
        let before = headers.remove(BEGUN).and_then(|count| count.parse().ok()).unwrap_or(0);
        headers.retain(|name, _| {
            !BROKERS.contains(&name.as_str())
                && !BROKERS_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        });
        let copy = MessageCopy { id: name, message_id: id.clone(), before };
        (Self { id, headers, body }, copy)
    }

    /// The trace it belongs to.
    pub fn traceparent(&self) -> Option<&str> {
        self.headers.get(TRACEPARENT).map(String::as_str)
    }

    /// The headers of a new copy, whose handling began `begun` times so far.
    pub fn copied(&self, begun: u32, evidence: &[(&str, &str)]) -> Headers {
        let mut headers = self.with_evidence(evidence);
        headers.insert(COPY.to_owned(), new_name());
        if begun > 0 {
            headers.insert(BEGUN.to_owned(), begun.to_string());
        }
        fitting(headers)
    }

    /// The headers it has as a dead letter of `queue`.
    pub fn buried(&self, queue: &str, started: u32, evidence: &[(&str, &str)]) -> Headers {
        let mut headers = self.with_evidence(evidence);
        headers.insert(COPY.to_owned(), new_name());
        headers.insert(ORIGINAL_QUEUE.to_owned(), queue.to_owned());
        headers.insert(STARTED.to_owned(), started.to_string());
        fitting(headers)
    }

    fn with_evidence(&self, evidence: &[(&str, &str)]) -> Headers {
        let mut headers = self.headers.clone();
        let mut room = MOST_HEADER_BYTES / 2;
        for (name, told) in evidence {
            let told = text::head(told, MOST_EVIDENCE);
            let size = name.len() + told.len();
            if size <= room {
                room -= size;
                headers.insert(format!("{EVIDENCE}{name}"), told.to_owned());
            }
        }
        headers
    }
}

/// Whether the copy was named by who published it.
pub fn is_named(headers: &Headers) -> bool {
    headers.contains_key(COPY)
}

/// A publisher's headers that fill a frame leave no room for ours: then only ours travel, and the trace.
fn fitting(headers: Headers) -> Headers {
    let size: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size <= MOST_HEADER_BYTES {
        return headers;
    }
    let ours = |name: &str| {
        [COPY, BEGUN, ORIGINAL_QUEUE, STARTED, TRACEPARENT].contains(&name) || name.starts_with(EVIDENCE)
    };
    headers.into_iter().filter(|(name, value)| ours(name) && value.len() <= 4 * MOST_EVIDENCE).collect()
}

/// 128 bits that no other process comes upon: the standard library keys its hashers with the system's randomness.
fn new_name() -> String {
    let half = || RandomState::new().hash_one(fastrand::u64(..));
    format!("{:016x}{:016x}", half(), half())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&str, &str)]) -> Headers {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn message(pairs: &[(&str, &str)]) -> (Message, MessageCopy) {
        Message::disclosed("m".to_owned(), headers(pairs), b"{}".to_vec(), "t.generation")
    }

    #[test]
    fn only_the_publishers_headers_belong_to_the_message() {
        let (message, copy) = message(&[
            ("traceparent", "00-1-2-01"),
            ("x-synthmill-copy", "c"),
            ("x-synthmill-begun", "2"),
            ("x-delivery-count", "3"),
            ("x-first-death-reason", "expired"),
        ]);
        assert_eq!(message.headers, headers(&[("traceparent", "00-1-2-01")]));
        assert_eq!(copy, MessageCopy { id: "c".to_owned(), message_id: "m".to_owned(), before: 2 });
        assert_eq!(message.traceparent(), Some("00-1-2-01"));
    }

    #[test]
    fn copies_that_nobody_named_count_together_by_their_id() {
        let (_, copy) = message(&[("x-synthmill-begun", "many")]);
        assert_eq!(copy.id, Sha256Hex::of(b"t.generation\nm").to_string());
        assert_eq!(copy.before, 0);
    }

    #[test]
    fn a_copy_has_a_name_of_its_own_and_the_count() {
        let (message, _) = message(&[("a", "1"), ("x-synthmill-copy", "c")]);
        let copy = message.copied(1, &[]);
        assert_ne!(copy[COPY], message.copied(0, &[])[COPY]);
        assert_eq!((copy["a"].as_str(), copy[BEGUN].as_str()), ("1", "1"));
        assert!(!message.copied(0, &[]).contains_key(BEGUN));
    }

    #[test]
    fn a_dead_letter_tells_whence_it_came_and_why() {
        let (message, _) = message(&[("a", "1")]);
        let long = "x".repeat(5_000);
        let dead = message.buried("generation", 3, &[("reason", "why"), ("log", &long)]);
        assert_eq!(dead["x-original-queue"], "generation");
        assert_eq!(dead["x-started"], "3");
        assert_eq!(dead["x-evidence-reason"], "why");
        assert_eq!(dead["x-evidence-log"].len(), MOST_EVIDENCE);
        assert!(!dead.contains_key(BEGUN));
    }

    #[test]
    fn headers_that_do_not_fit_are_left_out() {
        let huge = "x".repeat(MOST_HEADER_BYTES);
        let (message, _) = message(&[("a", &huge), ("traceparent", "t")]);
        let dead = message.buried("generation", 1, &[("reason", "why")]);
        assert!(!dead.contains_key("a"));
        assert_eq!((dead["traceparent"].as_str(), dead["x-evidence-reason"].as_str()), ("t", "why"));
    }
}
