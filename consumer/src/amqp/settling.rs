//! How deliveries end: what is published in their place, and what is noted about their beginning.
//!
//! First the message is safe where it shall be, then its delivery ends: a crash between leaves it in both.

use std::sync::Arc;

use super::held::{Address, Held};
use super::post::Post;
use super::topology::GENERATION;
use super::wire::Unpublished;
use crate::desk::Halt;
use crate::pipeline::Outcome;
use crate::starts::Starts;

/// A message whose handling began so often and never ended well is given up.
pub const MOST_STARTS: u32 = 3;

/// Until a request that broke our own work is tried again.
const RETRY_SECONDS: u32 = 1;
/// Until a request is delivered again that was left because a far end would not answer.
const LEFT_SECONDS: u32 = 5;
/// Until a request is delivered again that waited too long to make a call: low limits let few of them through.
const WAITED_SECONDS: u32 = 30;

/// How a delivery is to end.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It is done with.
    Ack,
    /// Again, and its start counts.
    Retry(String),
    /// Again after so many seconds, by anyone; its start does not count.
    Release(u32),
    /// To the dead queue, with the reason.
    Bury(String),
}

fn end_of(outcome: Outcome, starts: u32, stopping: bool) -> End {
    match outcome {
        // a blocked or dropped request is published anew when its job goes on
        Outcome::Done | Outcome::Halted(Halt::Dropped(_) | Halt::Blocked(_)) => End::Ack,
        Outcome::Halted(Halt::Invalid(reason)) => End::Bury(reason),
        Outcome::Halted(Halt::Waited) if !stopping => End::Release(WAITED_SECONDS),
        Outcome::Halted(Halt::Waited | Halt::Stopped) => {
            End::Release(if stopping { 0 } else { LEFT_SECONDS })
        }
        Outcome::Panicked(reason) if starts < MOST_STARTS => End::Retry(reason),
        Outcome::Panicked(reason) => End::Bury(format!(
            "its handling began {starts} times and never ended well; the last error was {reason}"
        )),
    }
}

/// Settles a message that came to an end.
pub async fn settle<S: Starts>(post: &Post<S>, held: &Arc<Held>, outcome: Outcome) {
    let ended = !matches!(outcome, Outcome::Panicked(_));
    let end = end_of(outcome, held.starts(), post.is_stopping());
    let address = post.hands.let_go(held);
    if !address.hand.is_there() {
        // who has it now would take it for a suspect, though its handling killed nobody
        if ended && held.begun.get().is_some() {
            post.starts.forget(&held.copy).await;
        }
        return;
    }
    if let End::Bury(reason) | End::Retry(reason) = &end {
        tell(held, reason);
    }
    match send_on(post, held, end).await {
        Ok(()) => finish(post, held, &address).await,
        Err(error) => {
            tracing::warn!(message_id = held.message.id, %error, "a message could not be moved and goes back");
            address.put_back().await;
        }
    }
}

/// Publishes what the end asks for. A release is a new copy too: put back into the queue the message would count as
/// delivered in vain, and after 20 times the broker would take it for dead, which an outage of minutes brings about.
async fn send_on<S: Starts>(post: &Post<S>, held: &Held, end: End) -> Result<(), Unpublished> {
    let message = &held.message;
    let (queue, headers) = match end {
        End::Ack => return Ok(()),
        End::Retry(reason) => {
            let evidence = [("reason", reason.as_str())];
            (post.topology.waiting(GENERATION, RETRY_SECONDS), message.copied(held.starts(), &evidence))
        }
        End::Release(seconds) => {
            let queue = match seconds {
                0 => post.topology.name(GENERATION),
                _ => post.topology.waiting(GENERATION, seconds),
            };
            (queue, message.copied(count_without_ours(post, held).await?, &[]))
        }
        End::Bury(reason) => {
            let starts = held.starts().to_string();
            let evidence = [("reason", reason.as_str()), ("starts", starts.as_str())];
            (post.topology.dead(GENERATION), message.buried(GENERATION, held.starts(), &evidence))
        }
    };
    post.publisher.publish(&queue, &message.id, &headers, &message.body).await
}

/// How often handling began, a start of ours taken back; asks the store only when it may know more than we.
async fn count_without_ours<S: Starts>(post: &Post<S>, held: &Held) -> Result<u32, Unpublished> {
    if let Some(begun) = held.begun.get() {
        return Ok(begun.saturating_sub(1));
    }
    if !held.redelivered || held.counted.get().is_some() {
        return Ok(held.starts());
    }
    post.starts.count(&held.copy).await.map_err(|gone| Unpublished::because(gone.to_string()))
}

async fn finish<S: Starts>(post: &Post<S>, held: &Held, address: &Address) {
    address.ack().await;
    if held.begun.get().is_some() || held.redelivered {
        post.starts.forget(&held.copy).await;
    }
}

fn tell(held: &Held, reason: &str) {
    let trace_id = crate::trace::id_of(held.message.traceparent());
    tracing::error!(
        message_id = held.message.id,
        trace_id,
        starts = held.starts(),
        reason,
        "a message is not handled"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_outcome_means_for_its_message() {
        let why = || "why".to_owned();
        for (outcome, starts, stopping, end) in [
            (Outcome::Done, 1, false, End::Ack),
            (Outcome::Halted(Halt::Dropped(why())), 1, false, End::Ack),
            (Outcome::Halted(Halt::Blocked(why())), 1, false, End::Ack),
            (Outcome::Halted(Halt::Invalid(why())), 0, false, End::Bury(why())),
            (Outcome::Halted(Halt::Stopped), 1, true, End::Release(0)),
            (Outcome::Halted(Halt::Stopped), 1, false, End::Release(LEFT_SECONDS)),
            (Outcome::Halted(Halt::Waited), 1, false, End::Release(WAITED_SECONDS)),
            (Outcome::Halted(Halt::Waited), 1, true, End::Release(0)),
            (Outcome::Panicked(why()), 2, false, End::Retry(why())),
        ] {
            assert_eq!(end_of(outcome, starts, stopping), end);
        }
        let End::Bury(reason) = end_of(Outcome::Panicked(why()), 3, false) else { panic!("it is given up") };
        assert!(reason.contains("began 3 times") && reason.ends_with("why"), "{reason}");
    }
}
