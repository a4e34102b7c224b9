//! From a delivery to work: reads it, finds out whether it is suspect, waits for its turn, notes that it begins.
//!
//! Each delivery has a task of its own, so that what is asked of the store for many of them goes in few requests.

use std::sync::Arc;

use tokio::time::sleep;

use super::gate::Company;
use super::held::{Held, Kept};
use super::post::{Post, Ticket};
use super::settling::{MOST_STARTS, settle};
use crate::contract::{BadLine, GenerationRequest, read_request};
use crate::desk::Halt;
use crate::pipeline::{Delivery, Outcome};
use crate::starts::Starts;

/// Brings a message to the loop that works on it, or gives it back.
pub async fn take<S: Starts>(post: Arc<Post<S>>, held: Arc<Held>) {
    let request = match read(&held) {
        Ok(request) => request,
        Err(bad) => return hand_over(&post, Err(bad), Ticket { held, place: None }),
    };
    let Some(begun) = begun_before(&post, &held).await else {
        return give_back(&post, &held, Halt::Stopped).await;
    };
    if begun >= MOST_STARTS {
        let bad = BadLine {
            reason: format!("its handling began {begun} times and never ended: its consumer died each time"),
            request_id: Some(request.request_id),
            job_id: Some(request.job_id),
        };
        return hand_over(&post, Err(bad), Ticket { held, place: None });
    }
    let place = tokio::select! {
        biased;
        () = post.shutdown.draining() => return give_back(&post, &held, Halt::Stopped).await,
        place = post.gate.enter(Company::of(begun)) => place,
        () = sleep(post.hold) => return give_back(&post, &held, Halt::Waited).await,
    };
    if post.hands.let_go_if_lost(&held) == Kept::Lost {
        return; // whoever has it now begins it
    }
    let Ok(starts) = post.starts.begin(&held.copy).await else {
        return give_back(&post, &held, Halt::Stopped).await;
    };
    let _ = held.begun.set(starts);
    if post.is_stopping() {
        return give_back(&post, &held, Halt::Stopped).await;
    }
    hand_over(&post, Ok(request), Ticket { held, place: Some(place) });
}

/// Between the loop's end and ours nobody takes what is handed over; then the broker has it back.
fn hand_over<S>(post: &Post<S>, body: Result<Box<GenerationRequest>, BadLine>, ticket: Ticket) {
    let _ = post.begun.send(Delivery { body, ticket });
}

async fn give_back<S: Starts>(post: &Post<S>, held: &Arc<Held>, why: Halt) {
    settle(post, held, Outcome::Halted(why)).await;
}

/// How often handling began and did not end; none when that cannot be told any more.
async fn begun_before<S: Starts>(post: &Post<S>, held: &Held) -> Option<u32> {
    if !held.redelivered {
        return Some(held.copy.before);
    }
    let counted = tokio::select! {
        biased;
        () = post.shutdown.draining() => return None,
        counted = post.starts.count(&held.copy) => counted.ok()?,
    };
    let _ = held.counted.set(counted);
    Some(counted)
}

fn read(held: &Held) -> Result<Box<GenerationRequest>, BadLine> {
    let mut request = read_request(&held.message.body)?;
    if let Some(trace) = held.message.traceparent() {
        request.traceparent = Some(trace.to_owned());
    }
    Ok(request)
}
