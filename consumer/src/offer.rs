//! Offers records to the store and writes down those it does not take.

use crate::contract::{GenerationRequest, RejectClass, SlotDocument};
use crate::desk::{Desk, Halt};
use crate::documents::{self, Attempt};
use crate::jobs::JobView;
use crate::store::{Claiming, Fact, Store, Verdict};
use crate::validate::Failure;

/// What became of an offered record.
pub enum Offered {
    Done,
    /// Another record holds this content; `taken` shows it.
    Duplicate {
        failure: Failure,
        taken: String,
    },
    Refused(Failure),
}

/// Offers all documents together; each comes back with the `key` it was handed over with.
///
/// # Errors
/// When the store is gone.
pub async fn all<S: Store, J: JobView, K>(
    desk: &Desk<S, J>,
    request: &GenerationRequest,
    offers: Vec<(K, SlotDocument, Attempt<'_>)>,
) -> Result<Vec<(K, Offered)>, Halt> {
    if offers.is_empty() {
        return Ok(Vec::new());
    }
    let claiming = if request.unique.is_empty() { Claiming::Free } else { Claiming::Once };
    let (mut documents, mut others) = (Vec::with_capacity(offers.len()), Vec::with_capacity(offers.len()));
    for (key, document, attempt) in offers {
        documents.push(document);
        others.push((key, attempt));
    }
    let verdicts = desk.store.offer(&documents, claiming).await?;
    let mut rejects = Vec::new();
    let mut results = Vec::with_capacity(documents.len());
    for ((document, (key, attempt)), verdict) in documents.iter().zip(others).zip(verdicts) {
        let offered = judged(request, document, verdict);
        if let Offered::Duplicate { failure, .. } | Offered::Refused(failure) = &offered
            && let Some(slot) = request.slots.iter().find(|slot| slot.slot == document.slot)
        {
            rejects.push(Fact::Reject(Box::new(documents::reject(request, slot, failure, &attempt))));
        }
        results.push((key, offered));
    }
    desk.store.note(rejects).await?;
    Ok(results)
}

fn judged(request: &GenerationRequest, document: &SlotDocument, verdict: Verdict) -> Offered {
    match verdict {
        Verdict::Stored | Verdict::Already => Offered::Done,
        Verdict::Duplicate => {
            let columns: Vec<&str> = request.unique.iter().map(|name| name.as_str()).collect();
            let message = format!("another record holds the same {}", columns.join(", "));
            let taken = document.data.as_ref().map(|data| {
                let shown =
                    columns.iter().filter_map(|name| Some(((*name).to_owned(), data.get(*name)?.clone())));
                serde_json::Value::Object(shown.collect()).to_string()
            });
            let failure = Failure::whole(RejectClass::Duplicate, message);
            Offered::Duplicate { failure, taken: taken.unwrap_or_default() }
        }
        Verdict::Refused(reason) => {
            let message = format!("the store cannot take it: {reason}");
            Offered::Refused(Failure::whole(RejectClass::Store, message))
        }
    }
}
