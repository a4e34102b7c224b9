//! A call's place in its job's budget: reserved before it is made, settled by what became of it.

use tokio::time::{Duration, sleep};

use super::answer::Answer;
use super::calls::Calls;
use super::error::{CallError, Kind};
use super::exchange::{Composed, Question};
use super::rates::Shape;
use crate::contract::Amount;
use crate::desk::{Desk, Halt};
use crate::jobs::JobView;
use crate::spending::{Room, Spent};
use crate::store::Store;

/// Between two questions for room that calls in flight take. Those of other consumers end unheard.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// What a call has reserved. Dropped without a word, the call counts as paid: nobody knows.
pub struct Held<'run, S, J: JobView> {
    desk: &'run Desk<S, J>,
    question: &'run Question<'run>,
    call_id: String,
    need: Amount,
    spent: Spent,
}

/// Whether a call may be made.
pub enum Allowed<'run, S, J: JobView> {
    /// None: its job has no budget.
    Yes(Option<Held<'run, S, J>>),
    /// Calls in flight take the room that is left.
    Later,
}

/// Reserves the call that comes next.
///
/// # Errors
/// When the budget does not suffice for it, which pauses the job; when the price is missing; when the program ends.
pub async fn ask<'run, S: Store, J: JobView>(
    desk: &'run Desk<S, J>,
    question: &'run Question<'run>,
    calls: &Calls,
    composed: &Composed,
) -> Result<Allowed<'run, S, J>, Halt> {
    let request = question.request;
    let Some(budget) = request.budget else { return Ok(Allowed::Yes(None)) };
    if budget.max_usd.is_some() && question.price().is_none() {
        let reason = format!(
            "max_usd is set, but nobody says what tokens of {} cost: give model.price in the recipe",
            question.target.route
        );
        return Err(desk.block(request, reason).await);
    }
    let (need, call_id) = (need(question, composed), calls.upcoming(&request.request_id));
    let room = tokio::select! {
        biased;
        () = desk.shutdown.draining() => return Err(Halt::Stopped),
        room = desk.jobs.reserve(request, &call_id, need) => room,
    };
    match room {
        Room::Granted => {
            Ok(Allowed::Yes(Some(Held { desk, question, call_id, need, spent: Spent::Assumed })))
        }
        Room::Full => Ok(Allowed::Later),
        Room::Over(reason) => Err(desk.pause(request, reason).await),
    }
}

/// Waits before asking again.
///
/// # Errors
/// When the program ends, or the request waited for too long.
pub async fn wait<S, J>(desk: &Desk<S, J>, calls: &Calls) -> Result<(), Halt> {
    let jitter = ASK_AGAIN.mul_f64(fastrand::f64());
    tokio::select! {
        biased;
        () = desk.shutdown.draining() => Err(Halt::Stopped),
        () = calls.waited(desk.hold) => Err(Halt::Waited),
        () = sleep(ASK_AGAIN + jitter) => Ok(()),
    }
}

fn need(question: &Question<'_>, composed: &Composed) -> Amount {
    let shape = Shape::of(&composed.body, question.slots.len(), question.parameters);
    let (input, output) = question.line.expected(&shape);
    let usd = question.price().map_or(0.0, |price| price.of(input, output));
    Amount { tokens: input.saturating_add(output), usd }
}

impl<S, J: JobView> Held<'_, S, J> {
    /// The call has ended; what it took is settled when this is dropped.
    pub fn ended(mut self, result: &Result<Answer, CallError>) {
        self.spent = match result {
            Ok(answer) => self.told(answer),
            // an answer that says so was not paid; one that broke off, or never came, may have been
            Err(error) if error.kind == Kind::Failed && error.status.is_none_or(|status| status < 400) => {
                Spent::Assumed
            }
            Err(_) => Spent::Nothing,
        };
    }

    fn told(&self, answer: &Answer) -> Spent {
        let tokens = answer.prompt_tokens.saturating_add(answer.completion_tokens);
        match tokens {
            0 => Spent::Assumed,
            _ => Spent::Reported(Amount { tokens, usd: self.question.cost_of(answer).unwrap_or(0.0) }),
        }
    }
}

impl<S, J: JobView> Drop for Held<'_, S, J> {
    fn drop(&mut self) {
        self.desk.jobs.spent(self.question.request, &self.call_id, self.need, self.spent);
    }
}
