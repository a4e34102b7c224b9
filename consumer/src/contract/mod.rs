//! The messages and documents of `schemas/`, written by hand.
//!
//! The reader ignores fields it does not know, so that producers can ship first; the writer puts every
//! field out, nulls included. The golden examples in `schemas/examples` hold both languages to one form.

mod budget;
mod event;
mod ledger;
mod lineage;
mod message;
mod names;
mod request;
mod slot;
mod stdio;
mod timestamp;

pub use budget::{Amount, Budget, Holder, Price, SpendingDocument};
pub use event::{EventDocument, Level, Service};
pub use ledger::{CallDocument, CallOutcome, ClaimDocument, RejectDocument};
pub use lineage::Lineage;
pub use message::read_request;
pub use names::{ColumnName, JobId, Name, Round, Sha256Hex, V1};
pub use request::{
    ExpressionColumn, GenerationRequest, LlmColumn, ModelLimits, RequestColumn, RequestKind, RequestModel,
    RequestSlot, ValueType,
};
pub use slot::{Provenance, RejectClass, Rung, SlotDocument, SlotState};
pub use stdio::{
    BadLine, CancelLine, InputLine, OutputLine, Reserve, ReservedLine, RoomKind, SettleOutcome, Settled,
    VerdictKind, VerdictLine, read_line,
};
pub use timestamp::Timestamp;

/// A JSON object that keeps the order of its keys.
pub type JsonObject = serde_json::Map<String, serde_json::Value>;
