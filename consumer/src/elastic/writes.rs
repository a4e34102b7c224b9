//! Carries writes in bulks and judges each one by itself.

use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;

use tokio::time::Instant;

use super::batching::{Carrier, Limits, Parcel};
use super::client::{Client, Reply};
use super::condition::Trouble;
use super::judging::{Item, Written, judge};
use super::operation::Operation;
use crate::monitoring::{BulkItem, Metrics};
use crate::store::StoreGone;

/// Bulks much larger than this take the server long without being cheaper.
pub const LIMITS: Limits =
    Limits { most: 1_000, bytes: 2 << 20, in_flight: 3, linger: Duration::from_millis(5), room: 32 << 20 };

/// A shard that is not there is told after so long; only what is judged is answered.
const PATH: &str =
    "_bulk?timeout=10s&filter_path=items.*.status,items.*._seq_no,items.*._primary_term,items.*.error";

/// Sends bulks through one client.
pub struct Writes {
    client: Arc<Client>,
    metrics: Metrics,
}

#[derive(Deserialize)]
struct Answer {
    items: Vec<Judged>,
}

#[derive(Deserialize)]
struct Judged {
    #[serde(rename = "index", alias = "create", alias = "delete")]
    item: Item,
}

impl Writes {
    /// Writes through `client`, counted in `metrics`.
    pub fn new(client: Arc<Client>, metrics: Metrics) -> Self {
        Self { client, metrics }
    }
}

impl Carrier for Writes {
    type Ask = Operation;
    type Answer = Written;
    const TROUBLE: Trouble = Trouble::Writes;

    fn size(ask: &Operation) -> usize {
        ask.lines().len()
    }

    async fn carry(&self, batch: Vec<Parcel<Self>>) -> Result<Vec<(Parcel<Self>, String)>, StoreGone> {
        let mut left = Vec::new();
        let mut parts = vec![batch];
        while let Some(mut part) = parts.pop() {
            let (sent, count) = (Instant::now(), part.len());
            let reply = self.client.post(PATH, body(&part)).await?;
            self.metrics.bulk(sent.elapsed(), count);
            match reply {
                Reply::Answered(answer) => left.extend(self.judged(part, &answer)),
                // too large, or one operation spoils it: halves are tried until it stands alone
                Reply::Refused { .. } if part.len() > 1 => {
                    let second = part.split_off(part.len() / 2);
                    parts.extend([second, part]);
                }
                Reply::Refused { reason } => {
                    part.into_iter().for_each(|parcel| parcel.answer(Written::Refused(reason.clone())));
                }
            }
        }
        Ok(left)
    }
}

/// In one piece of the right size: buffers that grow to a megabyte, many times a second, tear up the heap.
fn body(part: &[Parcel<Writes>]) -> Vec<u8> {
    let mut body = Vec::with_capacity(part.iter().map(|parcel| parcel.ask.lines().len()).sum());
    part.iter().for_each(|parcel| body.extend_from_slice(parcel.ask.lines()));
    body
}

impl Writes {
    /// Hands out the verdicts; what has none is left over.
    fn judged(&self, batch: Vec<Parcel<Self>>, answer: &[u8]) -> Vec<(Parcel<Self>, String)> {
        let items = match serde_json::from_slice::<Answer>(answer) {
            Ok(answer) if answer.items.len() == batch.len() => answer.items,
            Ok(answer) => {
                return all_left(batch, &format!("a bulk was answered in {} items", answer.items.len()));
            }
            Err(error) => return all_left(batch, &format!("the answer to a bulk cannot be read: {error}")),
        };
        let mut left = Vec::new();
        let (mut stored, mut already, mut refused) = (0, 0, 0);
        for (parcel, judged) in batch.into_iter().zip(items) {
            match judge(parcel.ask.mode(), &judged.item) {
                Ok(written) => {
                    *match &written {
                        Written::Done(_) => &mut stored,
                        Written::Outrun => &mut already,
                        Written::Refused(_) => &mut refused,
                    } += 1;
                    parcel.answer(written);
                }
                Err(reason) => left.push((parcel, reason)),
            }
        }
        self.metrics.bulk_items(BulkItem::Stored, stored);
        self.metrics.bulk_items(BulkItem::Already, already);
        self.metrics.bulk_items(BulkItem::Refused, refused);
        self.metrics.bulk_items(BulkItem::Again, left.len() as u64);
        left
    }
}

fn all_left(batch: Vec<Parcel<Writes>>, reason: &str) -> Vec<(Parcel<Writes>, String)> {
    batch.into_iter().map(|parcel| (parcel, reason.to_owned())).collect()
}
