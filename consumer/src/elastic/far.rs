//! What the store, the job view and the starts share: the two queues and the names.

use serde::Serialize;

use super::batching::Queue;
use super::documents;
use super::names::{self, Kind, Names};
use super::operation::Target;
use super::reads::{Found, Lookup, Reads};
use super::writes::Writes;
use crate::store::StoreGone;

/// The ways to one installation's indexes; clones share them.
#[derive(Clone)]
pub struct Far {
    pub writes: Queue<Writes>,
    pub reads: Queue<Reads>,
    pub names: Names,
}

impl Far {
    /// Where a document of a shared kind lies.
    pub fn target(&self, kind: Kind, tenant: &str, id: &str) -> Target {
        Target { index: self.names.shared(kind), key: names::key(tenant, id), alias: true }
    }

    /// The document's operation, made by `write` from its place and its bytes.
    ///
    /// # Errors
    /// Why it can never be stored.
    pub fn operation<T: Serialize, O>(
        &self,
        kind: Kind,
        (tenant, id): (&str, &str),
        document: &T,
        write: impl FnOnce(&Target, &[u8]) -> O,
    ) -> Result<O, String> {
        let body = documents::encoded(document, id, Some(tenant))?;
        Ok(write(&self.target(kind, tenant, id), &body))
    }

    /// The document at `target` as it is now; without `fields` the whole of it.
    ///
    /// # Errors
    /// When the program is aborted meanwhile.
    pub async fn read(
        &self,
        target: &Target,
        fields: &'static [&'static str],
    ) -> Result<Option<Found>, StoreGone> {
        let lookup = Lookup { index: target.index.clone(), key: target.key.clone(), fields };
        Ok(self.reads.ask(vec![lookup]).await?.pop().flatten())
    }
}
