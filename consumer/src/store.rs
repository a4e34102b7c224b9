//! Where facts and records go, and what it says of a record that is offered.

use std::future::Future;

use crate::contract::{
    CallDocument, EventDocument, GenerationRequest, OutputLine, RejectDocument, SlotDocument,
};

/// Something that happened and is written down; it needs no answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    Call(Box<CallDocument>),
    Reject(Box<RejectDocument>),
    /// A slot that was not filled.
    Failed(Box<SlotDocument>),
    Event(Box<EventDocument>),
}

impl From<Fact> for OutputLine {
    fn from(fact: Fact) -> Self {
        match fact {
            Fact::Call(document) => Self::Call(document),
            Fact::Reject(document) => Self::Reject(document),
            Fact::Failed(document) => Self::Slot(document),
            Fact::Event(document) => Self::Event(document),
        }
    }
}

/// What became of an offered record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Stored,
    /// The slot was accepted before.
    Already,
    /// Another record holds this content.
    Duplicate,
    /// It can never be stored.
    Refused(String),
}

/// Whether a content may be had once or any number of times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claiming {
    Once,
    Free,
}

/// The far end is gone or will not answer: nothing can be written any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store is gone")]
pub struct StoreGone;

/// Why the slots of a request cannot be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unread {
    Gone,
    /// The store has no place for them, and waiting gives them none: nothing may be paid for.
    NoPlace(String),
}

impl From<StoreGone> for Unread {
    fn from(_: StoreGone) -> Self {
        Self::Gone
    }
}

/// The far end.
pub trait Store: Send + Sync + 'static {
    /// Takes facts to write them down, and waits only for room; `written` tells when they are durable.
    fn note(&self, facts: Vec<Fact>) -> impl Future<Output = Result<(), StoreGone>> + Send;

    /// Returns when all that was noted before is durable; a request is settled only then.
    fn written(&self) -> impl Future<Output = Result<(), StoreGone>> + Send;

    /// Which of these slots of the request need no work any more, accepted or parked, in the same order.
    fn closed(
        &self,
        request: &GenerationRequest,
        record_ids: &[String],
    ) -> impl Future<Output = Result<Vec<bool>, Unread>> + Send;

    /// Offers accepted slot documents; the verdicts come in the same order.
    fn offer(
        &self,
        documents: &[SlotDocument],
        claiming: Claiming,
    ) -> impl Future<Output = Result<Vec<Verdict>, StoreGone>> + Send;
}
