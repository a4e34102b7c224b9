//! How often the handling of a message began: a small document for each copy (decision 0010).

use serde::{Deserialize, Serialize};

use super::far::Far;
use super::judging::Written;
use super::names::Kind;
use super::operation::Operation;
use crate::contract::{Timestamp, V1};
use crate::starts::{MessageCopy, Starts};
use crate::store::StoreGone;

/// Not a tenant: their names start with a letter.
const TENANT: &str = "_broker";
const QUEUE: &str = "generation";

/// The counts of one installation's messages.
#[derive(Clone)]
pub struct ElasticStarts(Far);

#[derive(Serialize, Deserialize)]
struct StartDocument {
    version: V1,
    tenant: String,
    queue: String,
    message_id: String,
    starts: u32,
    at: Timestamp,
}

enum Step {
    Began(u32),
    /// Somebody else changed it meanwhile.
    Again,
}

impl ElasticStarts {
    /// Counts through `far`.
    pub fn new(far: Far) -> Self {
        Self(far)
    }

    async fn step(&self, copy: &MessageCopy) -> Result<Step, StoreGone> {
        let mut document = StartDocument {
            version: V1,
            tenant: TENANT.to_owned(),
            queue: QUEUE.to_owned(),
            message_id: copy.message_id.clone(),
            starts: copy.before + 1,
            at: Timestamp::now(),
        };
        match self.write(copy, &document, Operation::create).await? {
            Some(Written::Outrun) => {}
            _ => return Ok(Step::Began(document.starts)),
        }
        let target = self.0.target(Kind::Starts, TENANT, &copy.id);
        let Some(found) = self.0.read(&target, &[]).await? else { return Ok(Step::Again) };
        let Some(there) = found.read::<StartDocument>() else { return Ok(Step::Began(document.starts)) };
        if there.at == document.at {
            // ours: the answer to the first sending was lost
            return Ok(Step::Began(there.starts));
        }
        document.starts = there.starts.saturating_add(1);
        let swap = |target: &_, body: &_| Operation::swap(target, found.version, body);
        match self.write(copy, &document, swap).await? {
            Some(Written::Outrun) => self.after_a_lost_swap(copy, &document).await,
            _ => Ok(Step::Began(document.starts)),
        }
    }

    /// Whether what outran the swap is the swap itself, sent twice.
    async fn after_a_lost_swap(
        &self,
        copy: &MessageCopy,
        document: &StartDocument,
    ) -> Result<Step, StoreGone> {
        let target = self.0.target(Kind::Starts, TENANT, &copy.id);
        let there = self.0.read(&target, &[]).await?.and_then(|found| found.read::<StartDocument>());
        Ok(match there {
            Some(there) if there.at == document.at => Step::Began(there.starts),
            _ => Step::Again,
        })
    }

    /// None when the document can never be stored.
    async fn write(
        &self,
        copy: &MessageCopy,
        document: &StartDocument,
        write: impl FnOnce(&super::operation::Target, &[u8]) -> Operation,
    ) -> Result<Option<Written>, StoreGone> {
        let reason = match self.0.operation(Kind::Starts, (TENANT, &copy.id), document, write) {
            Err(reason) => reason,
            Ok(operation) => match self.0.writes.ask(vec![operation]).await?.pop() {
                Some(Written::Refused(reason)) => reason,
                written => return Ok(written),
            },
        };
        tracing::error!(message_id = copy.message_id, reason, "the start of a message cannot be noted");
        Ok(None)
    }
}

impl Starts for ElasticStarts {
    async fn begin(&self, copy: &MessageCopy) -> Result<u32, StoreGone> {
        loop {
            if let Step::Began(starts) = self.step(copy).await? {
                return Ok(starts);
            }
        }
    }

    async fn count(&self, copy: &MessageCopy) -> Result<u32, StoreGone> {
        let target = self.0.target(Kind::Starts, TENANT, &copy.id);
        let found = self.0.read(&target, &[]).await?;
        Ok(found.and_then(|found| found.read::<StartDocument>()).map_or(copy.before, |there| there.starts))
    }

    async fn forget(&self, copy: &MessageCopy) {
        let target = self.0.target(Kind::Starts, TENANT, &copy.id);
        // waited for, so that a program that stops leaves nothing over; who settles a message waits for nothing else
        let _ = self.0.writes.ask(vec![Operation::delete(&target, None)]).await;
    }
}
