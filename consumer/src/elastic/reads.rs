//! Carries reads by id, in real time: a write that was answered is seen at once, and nothing is searched.

use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::batching::{Carrier, Limits, Parcel};
use super::client::{Client, Reply};
use super::condition::Trouble;
use super::judging::Version;
use super::reasons::Failure;
use crate::store::StoreGone;

pub const LIMITS: Limits =
    Limits { most: 500, bytes: 256 << 10, in_flight: 3, linger: Duration::from_millis(2), room: 4 << 20 };

const PATH: &str = "_mget";

/// A document to read; without `fields` the whole of it.
#[derive(Debug, Clone, Serialize)]
pub struct Lookup {
    #[serde(rename = "_index")]
    pub index: String,
    #[serde(rename = "_id")]
    pub key: String,
    #[serde(rename = "_source", skip_serializing_if = "<[_]>::is_empty")]
    pub fields: &'static [&'static str],
}

/// A document that is there.
#[derive(Debug)]
pub struct Found {
    pub version: Version,
    source: Box<RawValue>,
}

impl Found {
    /// Its fields; none, with a word in the log, when it is not of this form.
    pub fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_str(self.source.get())
            .inspect_err(|error| tracing::error!(%error, "a document in the record store cannot be read"))
            .ok()
    }
}

/// Sends reads through one client.
pub struct Reads {
    client: Arc<Client>,
}

#[derive(Serialize)]
struct Body<'batch> {
    docs: Vec<&'batch Lookup>,
}

#[derive(Deserialize)]
struct Answer {
    docs: Vec<Doc>,
}

#[derive(Deserialize)]
pub(super) struct Doc {
    #[serde(default)]
    found: bool,
    #[serde(rename = "_seq_no", default)]
    seq_no: u64,
    #[serde(rename = "_primary_term", default)]
    primary_term: u64,
    #[serde(rename = "_source", default)]
    source: Option<Box<RawValue>>,
    #[serde(default)]
    pub(super) error: Option<Failure>,
}

impl Reads {
    /// Reads through `client`.
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }
}

impl Carrier for Reads {
    type Ask = Lookup;
    type Answer = Option<Found>;
    const TROUBLE: Trouble = Trouble::Reads;

    fn size(ask: &Lookup) -> usize {
        ask.index.len() + ask.key.len() + 64
    }

    async fn carry(&self, batch: Vec<Parcel<Self>>) -> Result<Vec<(Parcel<Self>, String)>, StoreGone> {
        let answered = fetched(&self.client, batch.iter().map(|parcel| &parcel.ask).collect()).await?;
        let docs = match answered {
            Ok(docs) => docs,
            Err(reason) => return Ok(batch.into_iter().map(|parcel| (parcel, reason.clone())).collect()),
        };
        let mut left = Vec::new();
        for (parcel, doc) in batch.into_iter().zip(docs) {
            match found(doc) {
                Ok(found) => parcel.answer(found),
                Err(reason) => left.push((parcel, reason)),
            }
        }
        Ok(left)
    }
}

/// One request; the inner error says why there is no answer to each of them.
pub(super) async fn fetched(
    client: &Client,
    lookups: Vec<&Lookup>,
) -> Result<Result<Vec<Doc>, String>, StoreGone> {
    let wanted = lookups.len();
    let body = match serde_json::to_vec(&Body { docs: lookups }) {
        Ok(body) => body,
        Err(error) => return Ok(Err(format!("a lookup cannot be written: {error}"))),
    };
    Ok(match client.post(PATH, body).await? {
        Reply::Refused { reason } => Err(format!("a lookup is refused: {reason}")),
        Reply::Answered(answer) => match serde_json::from_slice::<Answer>(&answer) {
            Ok(answer) if answer.docs.len() == wanted => Ok(answer.docs),
            Ok(answer) => Err(format!("{wanted} lookups were answered by {}", answer.docs.len())),
            Err(error) => Err(format!("the answer to a lookup cannot be read: {error}")),
        },
    })
}

fn found(doc: Doc) -> Result<Option<Found>, String> {
    let version = Version { seq_no: doc.seq_no, primary_term: doc.primary_term };
    match (doc.error, doc.found, doc.source) {
        (Some(failure), ..) if failure.is_missing_index() => {
            Err(format!("indexes are missing, start a worker or the API first: {}", failure.told()))
        }
        (Some(failure), ..) => Err(format!("a document cannot be read now: {}", failure.told())),
        (None, false, _) => Ok(None),
        (None, true, Some(source)) => Ok(Some(Found { version, source })),
        (None, true, None) => Err("a document came without its content".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(doc: serde_json::Value) -> Result<Option<Found>, String> {
        found(serde_json::from_str(&doc.to_string()).unwrap())
    }

    #[test]
    fn a_document_is_there_or_not_or_cannot_be_read_now() {
        let doc = json!({"_id": "a", "found": true, "_seq_no": 4, "_primary_term": 1, "_source": {"n": 1}});
        let found = read(doc).unwrap().unwrap();
        assert_eq!(found.version, Version { seq_no: 4, primary_term: 1 });
        assert_eq!(found.read::<serde_json::Value>(), Some(json!({"n": 1})));
        assert!(found.read::<Vec<u8>>().is_none());
        assert!(read(json!({"_id": "a", "found": false})).unwrap().is_none());
        let error = json!({"type": "index_not_found_exception", "reason": "no such index"});
        assert!(read(json!({"_id": "a", "error": error})).unwrap_err().contains("start a worker"));
    }

    #[test]
    fn a_lookup_names_the_fields_that_it_wants() {
        let lookup = |fields| Lookup { index: "i".to_owned(), key: "k".to_owned(), fields };
        assert_eq!(json!(lookup(&["state"])), json!({"_index": "i", "_id": "k", "_source": ["state"]}));
        assert_eq!(json!(lookup(&[])), json!({"_index": "i", "_id": "k"}));
    }
}
