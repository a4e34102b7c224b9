//! The words that stand in labels, as the contracts write them.

use crate::contract::{CallOutcome, RejectClass};
use crate::desk::Halt;
use crate::health::Part;
use crate::pipeline::Outcome;

/// Every way a delivery can end; one that `waited` or is `left` comes again.
pub const ENDED: [&str; 6] = ["done", "dropped", "blocked", "invalid", "waited", "left"];

pub fn ended(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done => "done",
        Outcome::Halted(Halt::Dropped(_)) => "dropped",
        Outcome::Halted(Halt::Blocked(_)) => "blocked",
        Outcome::Halted(Halt::Invalid(_)) | Outcome::Panicked(_) => "invalid",
        Outcome::Halted(Halt::Waited) => "waited",
        Outcome::Halted(Halt::Stopped) => "left",
    }
}

pub fn reject(class: RejectClass) -> &'static str {
    match class {
        RejectClass::Truncated => "truncated",
        RejectClass::Parse => "parse",
        RejectClass::Schema => "schema",
        RejectClass::Semantic => "semantic",
        RejectClass::Refusal => "refusal",
        RejectClass::Duplicate => "duplicate",
        RejectClass::Leak => "leak",
        RejectClass::Pii => "pii",
        RejectClass::Judge => "judge",
        RejectClass::Provider => "provider",
        RejectClass::Store => "store",
        RejectClass::Input => "input",
    }
}

/// Every outcome of a call, in the order of [`call_index`].
pub const CALLS: [&str; 5] = ["answered", "rate_limited", "refused", "failed", "unreachable"];

pub fn call_index(outcome: CallOutcome) -> usize {
    match outcome {
        CallOutcome::Answered => 0,
        CallOutcome::RateLimited => 1,
        CallOutcome::Refused => 2,
        CallOutcome::Failed => 3,
        CallOutcome::Unreachable => 4,
    }
}

pub fn part(part: Part) -> &'static str {
    match part {
        Part::Broker => "broker",
        Part::Store => "store",
    }
}
