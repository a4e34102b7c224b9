//! Gets one answer that counts: waits for its turn, calls, and repeats what is not an attempt.

use serde_json::json;
use tokio::time::{Duration, Instant, sleep};

use super::allowance::{self, Allowed, Held};
use super::answer::Answer;
use super::breaker::{Change, Health, Pass};
use super::calls::Calls;
use super::client::{Heard, Identity, Target};
use super::error::{CallError, Kind};
use super::forms::Step;
use super::limiter::{Permit, Throttle};
use super::provider::Line;
use super::rates::{Reservation, Shape};
use super::retries::Retry;
use super::turn::{self, Leave};
use crate::contract::{CallOutcome, GenerationRequest, JsonObject, Level, Price, Rung, Sha256Hex};
use crate::desk::{Desk, Halt};
use crate::documents::{self, CallFacts, Share};
use crate::ids;
use crate::jobs::{JobView, Standing};
use crate::store::{Fact, Store};
use crate::trace;

/// A call's body in one form.
pub struct Composed {
    pub body: Vec<u8>,
    pub prompt_hash: Sha256Hex,
}

/// What is asked.
pub struct Question<'run> {
    pub request: &'run GenerationRequest,
    pub target: &'run Target,
    pub line: &'run Line,
    pub attempt: u32,
    pub seed: u32,
    /// The numbers of the slots in it.
    pub slots: Vec<u64>,
    pub parameters: &'run JsonObject,
    /// What the previous attempt came to, when that was a failure of the provider.
    pub previous: Option<&'run CallError>,
    /// Failures of the provider in a row.
    pub failures: u32,
}

impl Question<'_> {
    /// What tokens of the model cost, where that is known.
    pub fn price(&self) -> Option<&Price> {
        self.request.model.as_ref().and_then(|model| model.price.as_ref())
    }

    /// What an answer cost: as it says itself, else by the price.
    pub fn cost_of(&self, answer: &Answer) -> Option<f64> {
        let told = answer.prompt_tokens > 0 || answer.completion_tokens > 0;
        let priced = || self.price().filter(|_| told);
        answer
            .cost_usd
            .or_else(|| priced().map(|price| price.of(answer.prompt_tokens, answer.completion_tokens)))
    }
}

/// A call that counts as an attempt.
pub struct Reply {
    pub facts: CallFacts,
    pub result: Result<Answer, CallError>,
}

/// Asks until a call counts.
///
/// # Errors
/// When the job is over or blocked, it waited too long, or the program ends.
pub async fn ask<S: Store, J: JobView>(
    desk: &Desk<S, J>,
    question: &Question<'_>,
    calls: &mut Calls,
    compose: impl Fn(Rung) -> serde_json::Result<Composed>,
) -> Result<Reply, Halt> {
    wait_after_failure(desk, question).await?;
    let mut rung = question.line.forms.rung();
    let mut unreached = 0;
    loop {
        let (Leave { permit, pass, reservation }, composed, held) =
            allowed(desk, question, calls, || compose(rung)).await?;
        let (facts, result) = call(desk, question, calls, (rung, composed), (reservation, held)).await?;
        let Err(error) = &result else {
            question.line.limiter.succeeded();
            question.line.forms.answered(rung);
            pass.report(Health::Up);
            return Ok(Reply { facts, result });
        };
        match follow(desk, question, rung, (&permit, pass), error).await? {
            Next::Counts => return Ok(Reply { facts, result }),
            Next::Again => question.line.retries.count(Retry::Throttled),
            Next::Weaker(below) => {
                question.line.retries.count(Retry::Form);
                rung = below;
            }
            Next::AfterPause => {
                drop(permit);
                question.line.retries.count(Retry::Unreachable);
                pause(desk, desk.providers.backoff().after(unreached)).await?;
                unreached += 1;
            }
        }
    }
}

/// What follows from a failed call.
enum Next {
    /// It is an attempt.
    Counts,
    /// The same again, when the limiter lets it.
    Again,
    /// The same in a weaker form.
    Weaker(Rung),
    /// The same after a wait.
    AfterPause,
}

/// Tells limiter, breaker and forms about a failed call, and says what is next.
async fn follow<S: Store, J: JobView>(
    desk: &Desk<S, J>,
    question: &Question<'_>,
    rung: Rung,
    (permit, pass): (&Permit, Pass),
    error: &CallError,
) -> Result<Next, Halt> {
    let health = match error.kind {
        Kind::Failed => Health::Down,
        Kind::Unreachable => Health::Unreachable,
        _ => Health::Up,
    };
    let change = pass.report(health);
    tell(desk, question, change, error).await?;
    match error.kind {
        Kind::RateLimited => {
            throttle(desk, question, permit, error).await?;
            Ok(Next::Again)
        }
        Kind::Refused { form } if form || matches!(error.status, Some(400 | 422)) => {
            Ok(match question.line.forms.refused(rung, form) {
                Step::Down(below) => Next::Weaker(below),
                Step::Stay => Next::Counts,
            })
        }
        Kind::Refused { .. } | Kind::Filtered | Kind::Failed => Ok(Next::Counts),
        Kind::Unreachable => Ok(Next::AfterPause),
        Kind::Blocked => Err(desk.block(question.request, error.reason.clone()).await),
    }
}

/// Before another try after a failure: the wait that was asked for or a jittered one, and leave to retry.
async fn wait_after_failure<S: Store, J: JobView>(
    desk: &Desk<S, J>,
    question: &Question<'_>,
) -> Result<(), Halt> {
    let Some(previous) = question.previous else {
        question.line.budget.earn();
        return Ok(());
    };
    let wait =
        previous.after.unwrap_or_else(|| desk.providers.backoff().after(question.failures.saturating_sub(1)));
    pause(desk, wait).await?;
    tokio::select! {
        biased;
        () = desk.shutdown.draining() => Err(Halt::Stopped),
        () = question.line.budget.spend() => {
            question.line.retries.count(Retry::Failed);
            Ok(())
        }
    }
}

/// Waits until this call may go out and its job's budget has room for it.
async fn allowed<'run, S: Store, J: JobView>(
    desk: &'run Desk<S, J>,
    question: &'run Question<'run>,
    calls: &Calls,
    compose: impl Fn() -> serde_json::Result<Composed>,
) -> Result<(Leave, Composed, Option<Held<'run, S, J>>), Halt> {
    loop {
        let (leave, composed) = leave(desk, question, calls, &compose).await?;
        match allowance::ask(desk, question, calls, &composed).await? {
            Allowed::Yes(held) => return Ok((leave, composed, held)),
            Allowed::Later => {
                // others may call meanwhile
                drop(leave);
                allowance::wait(desk, calls).await?;
            }
        }
    }
}

/// Waits until this call may go out, and looks a last time whether it still should. The body is only written before
/// the wait where limits are declared, which count its length: else all that wait would hold theirs.
async fn leave<S: Store, J: JobView>(
    desk: &Desk<S, J>,
    question: &Question<'_>,
    calls: &Calls,
    compose: impl Fn() -> serde_json::Result<Composed>,
) -> Result<(Leave, Composed), Halt> {
    let compose = || compose().map_err(|error| Halt::Invalid(format!("no body can be written: {error}")));
    let written = question.line.rates.as_ref().map(|_| compose()).transpose()?;
    let shape =
        written.as_ref().map(|written| Shape::of(&written.body, question.slots.len(), question.parameters));
    let request = question.request;
    let mark = question.line.breaker.mark();
    let leave = tokio::select! {
        biased;
        () = desk.shutdown.draining() => return Err(Halt::Stopped),
        leave = turn::leave(question.line, shape, calls.coming(), mark) => leave,
        () = calls.waited(desk.hold) => return Err(Halt::Waited),
    };
    match desk.jobs.standing(&request.tenant, &request.job_id, request.round).await {
        Standing::Running => {}
        Standing::Over(reason) => return Err(Halt::Dropped(reason)),
        Standing::Blocked(reason) => return Err(Halt::Blocked(reason)),
    }
    match leave {
        Ok(leave) => Ok((leave, written.map_or_else(compose, Ok)?)),
        Err(_) => {
            Err(desk.block(request, unreachable(desk, question, "it was tried by other requests")).await)
        }
    }
}

async fn call<S: Store, J: JobView>(
    desk: &Desk<S, J>,
    question: &Question<'_>,
    calls: &mut Calls,
    (rung, composed): (Rung, Composed),
    (reservation, held): (Option<Reservation>, Option<Held<'_, S, J>>),
) -> Result<(CallFacts, Result<Answer, CallError>), Halt> {
    let request = question.request;
    let job = request.job_id.as_str();
    let attempt_ids: Vec<String> = question
        .slots
        .iter()
        .map(|slot| ids::attempt_id(job, *slot, request.round, question.attempt))
        .collect();
    let call_id = calls.next(&request.request_id);
    let traceparent = request.traceparent.as_deref().and_then(trace::child_of);
    let identity = Identity {
        call_id: &call_id,
        attempt_ids: &attempt_ids.join(","),
        traceparent: traceparent.as_deref(),
    };
    let started = Instant::now();
    let result = send(desk, question, composed.body, &identity, reservation).await;
    let usage = result.as_ref().map_or_else(
        |_| Share::default(),
        |answer| Share {
            prompt_tokens: answer.prompt_tokens,
            completion_tokens: answer.completion_tokens,
            cost_usd: question.cost_of(answer),
        },
    );
    let model = result.as_ref().ok().and_then(|answer| answer.model.clone());
    let facts =
        CallFacts { call_id, rung, seed: question.seed, prompt_hash: composed.prompt_hash, model, usage };
    let latency_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut document = documents::call(request, &question.target.route, &facts, attempt_ids, latency_ms);
    (document.outcome, document.status) = match &result {
        Ok(answer) => (CallOutcome::Answered, Some(answer.status)),
        Err(error) => (error.outcome(), error.status),
    };
    desk.store.note(vec![Fact::Call(Box::new(document))]).await?;
    if let Some(held) = held {
        held.ended(&result);
    }
    Ok((facts, result))
}

/// Makes the call, and tells limits and pace how much it took.
async fn send<S, J>(
    desk: &Desk<S, J>,
    question: &Question<'_>,
    body: Vec<u8>,
    identity: &Identity<'_>,
    mut reservation: Option<Reservation>,
) -> Result<Answer, CallError> {
    let line = question.line;
    reservation.iter_mut().for_each(Reservation::sent);
    let shape = Shape::of(&body, question.slots.len(), question.parameters);
    let Heard { result, told } = desk.client.chat(question.target, &line.address, body, identity).await;
    let tokens = result.as_ref().map_or((0, 0), |answer| (answer.prompt_tokens, answer.completion_tokens));
    line.learn(&shape, tokens);
    line.pace.told(&told, line.limiter.in_flight(), tokens.0 + tokens.1);
    if let Some(reservation) = reservation {
        match result.as_ref().map_err(|error| error.kind) {
            Ok(_) => reservation.answered(tokens.0, tokens.1),
            // it may have been worked on: what was expected stands
            Err(Kind::Failed) => {}
            Err(Kind::Unreachable) => reservation.unreached(),
            Err(_) => reservation.refused(),
        }
    }
    result
}

async fn throttle<S: Store, J: JobView>(
    desk: &Desk<S, J>,
    question: &Question<'_>,
    permit: &Permit,
    error: &CallError,
) -> Result<(), Halt> {
    if question.line.limiter.throttled(permit, error.after) == Throttle::Still {
        return Ok(());
    }
    let limit = question.line.limiter.limit();
    tracing::warn!(
        base_url = question.target.shown,
        route = question.target.route,
        limit,
        job_id = question.request.job_id.as_str(),
        trace_id = trace::id_of(question.request.traceparent.as_deref()),
        "provider saturated"
    );
    let fields = fields(question, "concurrency", json!(limit));
    Ok(desk.event(question.request, "provider.saturated", Level::Warning, &error.reason, fields).await?)
}

/// Says once when a provider's state changes, and blocks the job when it is given up.
async fn tell<S: Store, J: JobView>(
    desk: &Desk<S, J>,
    question: &Question<'_>,
    change: Change,
    error: &CallError,
) -> Result<(), Halt> {
    let name = match change {
        Change::None => return Ok(()),
        Change::GaveUp => {
            return Err(desk.block(question.request, unreachable(desk, question, &error.reason)).await);
        }
        Change::Opened { unreachable: true } => "provider.unreachable",
        Change::Opened { unreachable: false } => "provider.failing",
    };
    tracing::warn!(
        base_url = question.target.shown,
        reason = error.reason,
        job_id = question.request.job_id.as_str(),
        trace_id = trace::id_of(question.request.traceparent.as_deref()),
        "{name}"
    );
    let fields = fields(question, "patience_seconds", json!(desk.providers.patience().as_secs_f64()));
    Ok(desk.event(question.request, name, Level::Warning, &error.reason, fields).await?)
}

fn fields(question: &Question<'_>, key: &str, value: serde_json::Value) -> JsonObject {
    let pairs =
        [("base_url", json!(question.target.shown)), ("route", json!(question.target.route)), (key, value)];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn unreachable<S, J>(desk: &Desk<S, J>, question: &Question<'_>, cause: &str) -> String {
    format!(
        "{} could not be reached for {} s: check that it runs and that model.base_url is right, then resume the job \
         ({cause})",
        question.target.shown,
        desk.providers.patience().as_secs_f64()
    )
}

async fn pause<S, J>(desk: &Desk<S, J>, wait: Duration) -> Result<(), Halt> {
    tokio::select! {
        biased;
        () = desk.shutdown.draining() => Err(Halt::Stopped),
        () = sleep(wait) => Ok(()),
    }
}
