//! The structured-output ladder: asks for all open slots in one call, keeps what is valid, asks again for the rest.
//!
//! A failed slot is asked once more with its faults shown; after that it gets fresh calls with the same attributes.
//! A refusal of a call for several slots does not say which of them it took offence at: from then on each gets calls
//! of its own, and only one that is refused alone ends as refused.

mod judge;
mod message;
mod schema;

use crate::contract::{GenerationRequest, RejectClass, RequestModel, SlotDocument};
use crate::desk::{Desk, Halt};
use crate::documents::{self, Attempt, CallFacts};
use crate::ids;
use crate::jobs::JobView;
use crate::llm::answer::Answer;
use crate::llm::calls::Calls;
use crate::llm::client::Target;
use crate::llm::error::{CallError, Kind};
use crate::llm::exchange::{self, Question, Reply};
use crate::offer::{self, Offered};
use crate::plan::Plan;
use crate::store::{Fact, Store};
use crate::template::Scope;
use crate::text;
use crate::validate::{self, Failure, Fault};

/// Longest part of a rejected value that the model is shown again.
const LONGEST_SHOWN: usize = 2000;

/// A slot without an outcome.
pub struct Open {
    /// Its place in the request.
    index: usize,
    /// The rendered prompt of each llm column.
    prompts: Vec<String>,
    hint: Hint,
    asked_again: bool,
    /// It was refused together with others.
    alone: bool,
    last: Option<Failure>,
}

/// What the next call says about the last one.
enum Hint {
    None,
    Mend { faults: Vec<Fault>, faulty: Option<String> },
    Different { taken: String },
}

/// What an attempt made of a slot.
enum Tried {
    Made(Box<SlotDocument>),
    Failed { failure: Failure, faulty: Option<String> },
}

impl Open {
    fn new(index: usize) -> Self {
        Self { index, prompts: Vec::new(), hint: Hint::None, asked_again: false, alone: false, last: None }
    }
}

/// Fills the slots of `request` at the places `open`, or writes down why not.
///
/// # Errors
/// When the request is left before all of them have their outcome.
pub async fn fill<S: Store, J: JobView>(
    desk: &Desk<S, J>,
    request: &GenerationRequest,
    plan: &Plan,
    model: &RequestModel,
    open: &[usize],
) -> Result<(), Halt> {
    let target = match Target::of(model, &desk.gateway_url, |name| std::env::var(name).ok()) {
        Ok(target) => target,
        Err(reason) => return Err(desk.block(request, reason).await),
    };
    let open = open.iter().map(|index| render(request, plan, *index)).collect::<Result<Vec<_>, _>>()?;
    let line = desk.providers.line(&target.base_url, model);
    let mut run = Run { desk, request, plan, model, target, line, calls: Calls::default(), open };
    run.attempts().await
}

fn render(request: &GenerationRequest, plan: &Plan, index: usize) -> Result<Open, Halt> {
    let slot = &request.slots[index];
    let scope = Scope::of(&slot.attributes);
    let mut open = Open::new(index);
    for part in &plan.llm {
        let prompt = plan.templates.render(&part.name, &scope);
        open.prompts
            .push(prompt.map_err(|error| Halt::Invalid(format!("prompt for slot {}: {error}", slot.slot)))?);
    }
    Ok(open)
}

struct Run<'run, S, J> {
    desk: &'run Desk<S, J>,
    request: &'run GenerationRequest,
    plan: &'run Plan,
    model: &'run RequestModel,
    target: Target,
    line: crate::llm::provider::Line,
    calls: Calls,
    open: Vec<Open>,
}

impl<S: Store, J: JobView> Run<'_, S, J> {
    async fn attempts(&mut self) -> Result<(), Halt> {
        let mut previous: Option<CallError> = None;
        let mut failures = 0;
        for attempt in 1..=self.request.max_attempts {
            let mut still_open = Vec::new();
            for group in groups(std::mem::take(&mut self.open)) {
                self.open = group;
                let Reply { facts, result } = self.ask(attempt, previous.as_ref(), failures).await?;
                match result {
                    Ok(answer) => {
                        (previous, failures) = (None, 0);
                        self.take_answer(attempt, &facts, &answer).await?;
                    }
                    Err(error) => {
                        failures += 1;
                        self.take_error(attempt, &facts, &error).await?;
                        previous = Some(error);
                    }
                }
                still_open.append(&mut self.open);
            }
            self.open = still_open;
            if self.open.is_empty() {
                break;
            }
        }
        self.exhaust(|_| true).await
    }

    async fn ask(
        &mut self,
        attempt: u32,
        previous: Option<&CallError>,
        failures: u32,
    ) -> Result<Reply, Halt> {
        let slots: Vec<u64> = self.open.iter().map(|one| self.request.slots[one.index].slot).collect();
        let first = slots.first().copied().unwrap_or_default();
        let seed = ids::call_seed(self.request.recipe_seed, first, self.request.round, attempt);
        let question = Question {
            request: self.request,
            target: &self.target,
            line: &self.line,
            attempt,
            seed,
            slots,
            parameters: &self.model.parameters,
            previous,
            failures,
        };
        let (plan, model, open) = (self.plan, self.model, &self.open);
        exchange::ask(self.desk, &question, &mut self.calls, |rung| {
            message::compose(plan, model, open, seed, rung)
        })
        .await
    }

    /// Keeps what is valid of an answer; the rest stays open with its failure.
    async fn take_answer(&mut self, attempt: u32, facts: &CallFacts, answer: &Answer) -> Result<(), Halt> {
        let tried = self.judge(attempt, facts, answer);
        let (mut rejects, mut offers, mut still_open) = (Vec::new(), Vec::new(), Vec::new());
        let raw = answer.refusal.as_deref().unwrap_or(&answer.content);
        let count = self.open.len();
        for (position, (mut one, tried)) in self.open.drain(..).zip(tried).enumerate() {
            let by = Attempt {
                number: attempt,
                call: Some(facts),
                share: facts.usage.part(position, count),
                raw: Some(raw),
            };
            match tried {
                Tried::Made(document) => offers.push((one, *document, by)),
                Tried::Failed { failure, faulty } => {
                    let slot = &self.request.slots[one.index];
                    rejects.push(Fact::Reject(Box::new(documents::reject(
                        self.request,
                        slot,
                        &failure,
                        &by,
                    ))));
                    match failure.class == RejectClass::Refusal && count > 1 {
                        true => one.refused_with_others(count),
                        false => one.failed(failure, faulty),
                    }
                    still_open.push(one);
                }
            }
        }
        self.desk.store.note(rejects).await?;
        for (one, offered) in offer::all(self.desk, self.request, offers).await? {
            still_open.extend(one.offered(offered));
        }
        still_open.sort_by_key(|one| one.index);
        self.open = still_open;
        self.exhaust(|failure| matches!(failure.class, RejectClass::Refusal | RejectClass::Store)).await
    }

    fn judge(&self, attempt: u32, facts: &CallFacts, answer: &Answer) -> Vec<Tried> {
        let asked: Vec<usize> = self.open.iter().map(|one| one.index).collect();
        let mut sorted = match judge::sort(self.plan, &asked, answer) {
            Ok(sorted) => sorted,
            Err(failure) => {
                let shown = Some(text::cut(&answer.content, LONGEST_SHOWN)).filter(|text| !text.is_empty());
                let all =
                    asked.iter().map(|_| Tried::Failed { failure: failure.clone(), faulty: shown.clone() });
                return all.collect();
            }
        };
        let mut tried = Vec::with_capacity(asked.len());
        for (position, index) in asked.iter().enumerate() {
            let Some(item) = sorted.items.remove(index) else {
                tried.push(Tried::Failed { failure: sorted.missing.clone(), faulty: None });
                continue;
            };
            let mut repairs = sorted.repairs.clone();
            let slot = &self.request.slots[*index];
            let share = facts.usage.part(position, asked.len());
            let by = Attempt { number: attempt, call: Some(facts), share, raw: None };
            let lacks = sorted.cut && self.plan.llm.iter().any(|part| !item.contains_key(&part.name));
            tried.push(match validate::record(self.plan, self.request, slot, item, &mut repairs) {
                Ok(content) => {
                    Tried::Made(Box::new(documents::accepted(self.request, slot, content, &repairs, &by)))
                }
                Err(_) if lacks => Tried::Failed {
                    failure: sorted.missing.clone(),
                    faulty: self.shown(&asked, *index, answer),
                },
                Err(failure) => Tried::Failed { failure, faulty: self.shown(&asked, *index, answer) },
            });
        }
        tried
    }

    /// A rejected item as text; it is sorted out once more, because few items are rejected.
    fn shown(&self, asked: &[usize], index: usize, answer: &Answer) -> Option<String> {
        let item = judge::sort(self.plan, asked, answer).ok()?.items.remove(&index)?;
        let text = serde_json::to_string(&item).ok()?;
        Some(text::cut(&text, LONGEST_SHOWN))
    }

    /// A call that may have been paid, or that was refused: an attempt of every slot in it.
    async fn take_error(&mut self, attempt: u32, facts: &CallFacts, error: &CallError) -> Result<(), Halt> {
        let class = if error.kind == Kind::Filtered { RejectClass::Refusal } else { RejectClass::Provider };
        let failure = Failure::whole(class, error.reason.clone());
        let count = self.open.len();
        let mut rejects = Vec::with_capacity(count);
        for (position, one) in self.open.iter_mut().enumerate() {
            let share = facts.usage.part(position, count);
            let by = Attempt { number: attempt, call: Some(facts), share, raw: error.raw.as_deref() };
            let slot = &self.request.slots[one.index];
            rejects.push(Fact::Reject(Box::new(documents::reject(self.request, slot, &failure, &by))));
            match error.kind == Kind::Filtered && count > 1 {
                true => one.refused_with_others(count),
                false => one.last = Some(failure.clone()),
            }
        }
        self.desk.store.note(rejects).await?;
        // a refused request would be refused again, unless only one of its slots gave offence
        let final_for_all = match error.kind {
            Kind::Failed => false,
            Kind::Filtered => count == 1,
            _ => true,
        };
        self.exhaust(|_| final_for_all).await
    }

    /// Writes down the open slots whose last failure `ends` them for this round.
    async fn exhaust(&mut self, ends: impl Fn(&Failure) -> bool) -> Result<(), Halt> {
        let mut facts = Vec::new();
        let request = self.request;
        self.open.retain(|one| match &one.last {
            Some(failure) if ends(failure) => {
                let document = documents::exhausted(request, &request.slots[one.index], failure);
                facts.push(Fact::Failed(Box::new(document)));
                false
            }
            _ => true,
        });
        Ok(self.desk.store.note(facts).await?)
    }
}

/// The slots that share a call: all but those that were refused together.
fn groups(open: Vec<Open>) -> Vec<Vec<Open>> {
    let (alone, together): (Vec<_>, Vec<_>) = open.into_iter().partition(|one| one.alone);
    let first = Some(together).filter(|together| !together.is_empty());
    first.into_iter().chain(alone.into_iter().map(|one| vec![one])).collect()
}

impl Open {
    /// The class that it ends with when no attempt is left lets another round ask again.
    fn refused_with_others(&mut self, count: usize) {
        self.alone = true;
        self.last = Some(Failure::whole(
            RejectClass::Parse,
            format!(
                "the model declined a call for {count} slots; no attempt was left to ask for this one alone"
            ),
        ));
    }

    fn failed(&mut self, failure: Failure, faulty: Option<String>) {
        self.hint = match self.asked_again {
            true => Hint::None,
            false => Hint::Mend { faults: failure.faults.clone(), faulty },
        };
        self.asked_again = true;
        self.last = Some(failure);
    }

    /// The slot again if the store did not take its record.
    fn offered(mut self, offered: Offered) -> Option<Self> {
        match offered {
            Offered::Done => None,
            Offered::Duplicate { failure, taken } => {
                self.hint = Hint::Different { taken: text::cut(&taken, LONGEST_SHOWN) };
                self.last = Some(failure);
                Some(self)
            }
            Offered::Refused(failure) => {
                self.last = Some(failure);
                Some(self)
            }
        }
    }
}
