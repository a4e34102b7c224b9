//! Requests that need no model: records made of attributes and expressions alone.

use crate::contract::{GenerationRequest, JsonObject};
use crate::desk::{Desk, Halt};
use crate::documents::{self, Attempt, Share};
use crate::jobs::JobView;
use crate::offer::{self, Offered};
use crate::plan::Plan;
use crate::repair::Repairs;
use crate::store::{Fact, Store};
use crate::validate;

/// Fills the slots at the places `open`: no call, attempt 0; what fails once would fail again.
///
/// # Errors
/// When the store is gone.
pub async fn fill<S: Store, J: JobView>(
    desk: &Desk<S, J>,
    request: &GenerationRequest,
    plan: &Plan,
    open: &[usize],
) -> Result<(), Halt> {
    let mut offers = Vec::new();
    let mut facts = Vec::new();
    for index in open {
        let slot = &request.slots[*index];
        let share = Share { cost_usd: Some(0.0), ..Share::default() };
        let by = Attempt { number: 0, call: None, share, raw: None };
        let mut repairs = Repairs::default();
        match validate::record(plan, request, slot, JsonObject::new(), &mut repairs) {
            Ok(content) => {
                let document = documents::accepted(request, slot, content, &repairs, &by);
                offers.push((slot, document, by));
            }
            Err(failure) => {
                facts.push(Fact::Reject(Box::new(documents::reject(request, slot, &failure, &by))));
                facts.push(Fact::Failed(Box::new(documents::exhausted(request, slot, &failure))));
            }
        }
    }
    desk.store.note(facts).await?;
    let mut exhausted = Vec::new();
    for (slot, offered) in offer::all(desk, request, offers).await? {
        if let Offered::Duplicate { failure, .. } | Offered::Refused(failure) = offered {
            exhausted.push(Fact::Failed(Box::new(documents::exhausted(request, slot, &failure))));
        }
    }
    Ok(desk.store.note(exhausted).await?)
}
