//! How often the handling of a message began, kept where the death of this program does not reach it.
//!
//! A broker cannot note anything on a message in its queue, so each copy of a message that is begun has a small
//! document of its own (decision 0010). A copy that comes back finds it; a settled copy's document goes.

use std::future::Future;

use crate::store::StoreGone;

/// One copy of a message of the queue `generation`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageCopy {
    /// Names the document; unlike that of any other copy.
    pub id: String,
    pub message_id: String,
    /// How often handling began before this copy was made.
    pub before: u32,
}

/// The far end that keeps the counts. Deliveries ask it all at once, so it should batch what it is asked.
///
/// A document has the fields `version` 1, `tenant` `_broker`, `queue`, `message_id`, `starts` and `at`.
pub trait Starts: Send + Sync + 'static {
    /// Notes that handling begins: creates the copy's document, or raises its number by compare-and-swap. Returns
    /// when it is durable and answers how often handling began, this time and those before the copy included.
    fn begin(&self, copy: &MessageCopy) -> impl Future<Output = Result<u32, StoreGone>> + Send;

    /// How often handling began, read in real time; `before` when there is no document.
    fn count(&self, copy: &MessageCopy) -> impl Future<Output = Result<u32, StoreGone>> + Send;

    /// The copy is settled. A failure is not told: what is left over is of no use to anyone and harms nobody.
    fn forget(&self, copy: &MessageCopy) -> impl Future<Output = ()> + Send;
}

impl<T: Starts> Starts for std::sync::Arc<T> {
    async fn begin(&self, copy: &MessageCopy) -> Result<u32, StoreGone> {
        T::begin(self, copy).await
    }

    async fn count(&self, copy: &MessageCopy) -> Result<u32, StoreGone> {
        T::count(self, copy).await
    }

    async fn forget(&self, copy: &MessageCopy) {
        T::forget(self, copy).await;
    }
}
