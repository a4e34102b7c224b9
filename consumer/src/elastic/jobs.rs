//! How jobs stand, by their documents (design law 4); each is read about once a second, whoever asks.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use tokio::time::Instant;

use super::far::Far;
use super::judging::Written;
use super::names::Kind;
use super::operation::Operation;
use super::spending::Accounts;
use crate::contract::{Amount, GenerationRequest, JobId, Name, Timestamp};
use crate::jobs::{Blocking, JobView, Standing};
use crate::spending::{Room, Spent};
use crate::store::StoreGone;

/// A stop is noticed within this time.
const FRESH: Duration = Duration::from_secs(1);
/// Jobs kept in mind.
const MOST: usize = 10_000;
const RUNNING: [&str; 3] = ["publishing", "published", "planned"];
const BLOCKED: &str = "blocked";
const PAUSED: &str = "paused";

/// How a job is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Block,
    /// Its budget is used up.
    Pause,
}

impl Stop {
    fn state(self) -> &'static str {
        match self {
            Self::Block => BLOCKED,
            Self::Pause => PAUSED,
        }
    }
}
const STANDING: &[&str] = &["state", "round", "reason"];

/// The jobs of one installation.
#[derive(Clone)]
pub struct ElasticJobs(Arc<Inner>);

struct Inner {
    far: Far,
    accounts: Accounts,
    views: Mutex<HashMap<(Name, JobId), Arc<View>>>,
}

#[derive(Default)]
struct View {
    look: Mutex<Option<Look>>,
    /// Who holds it reads; the others wait for what it finds.
    reading: tokio::sync::Mutex<()>,
}

/// A job document as it was at a moment; none: there was no such job.
#[derive(Clone)]
struct Look {
    at: Instant,
    job: Option<Job>,
}

#[derive(Clone, Deserialize)]
struct Job {
    state: String,
    round: u32,
    #[serde(default)]
    reason: Option<String>,
}

impl Job {
    fn runs(&self, round: u32) -> bool {
        self.round == round && RUNNING.contains(&self.state.as_str())
    }

    fn standing(&self, round: u32) -> Standing {
        if self.runs(round) {
            return Standing::Running;
        }
        match self.round == round && self.state == BLOCKED {
            true => Standing::Blocked(self.reason.clone().unwrap_or_else(|| "the job is blocked".to_owned())),
            false => {
                Standing::Over(format!("the job is {} in round {}, not in {round}", self.state, self.round))
            }
        }
    }
}

impl Look {
    /// What it says of a request of `round` that asked at `asked`.
    fn says(&self, round: u32, asked: Instant) -> Option<Standing> {
        let after = self.at >= asked;
        match &self.job {
            // a round that is over stays over
            Some(job) if job.round > round => Some(job.standing(round)),
            Some(job) if job.round == round && (after || asked - self.at < FRESH) => {
                Some(job.standing(round))
            }
            // the request is younger than the look: a request is never dropped by what is out of date
            Some(job) if after => Some(job.standing(round)),
            None if after => Some(Standing::Over("there is no such job".to_owned())),
            _ => None,
        }
    }
}

impl ElasticJobs {
    /// Looks through `far`.
    pub fn new(far: Far) -> Self {
        let accounts = Accounts::new(far.clone());
        Self(Arc::new(Inner { far, accounts, views: Mutex::default() }))
    }

    async fn look(&self, tenant: &Name, job: &JobId, round: u32) -> Result<Standing, StoreGone> {
        let (asked, view) = (Instant::now(), self.view(tenant, job));
        if let Some(standing) = view.says(round, asked) {
            return Ok(standing);
        }
        let _reading = view.reading.lock().await;
        loop {
            if let Some(standing) = view.says(round, asked) {
                return Ok(standing);
            }
            let at = Instant::now();
            let target = self.0.far.target(Kind::Jobs, tenant.as_str(), job.as_str());
            let found = self.0.far.read(&target, STANDING).await?.and_then(|found| found.read::<Job>());
            if found.is_none() {
                tracing::warn!(
                    tenant = tenant.as_str(),
                    job_id = job.as_str(),
                    "a request of no job is dropped"
                );
            }
            view.keep(Look { at, job: found });
        }
    }

    async fn swap(
        &self,
        (tenant, job): (&Name, &JobId),
        round: u32,
        (stop, reason): (Stop, &str),
    ) -> Result<Blocking, StoreGone> {
        let target = self.0.far.target(Kind::Jobs, tenant.as_str(), job.as_str());
        loop {
            let at = Instant::now();
            let Some(found) = self.0.far.read(&target, &[]).await? else { return Ok(Blocking::Known) };
            let Some(mut known) = found.read::<Job>() else { return Ok(Blocking::Known) };
            self.view(tenant, job).keep(Look { at, job: Some(known.clone()) });
            if !known.runs(round) {
                return Ok(Blocking::Known);
            }
            let Some(body) = found.read::<Fields>().and_then(|fields| stopped(fields, stop, reason)) else {
                return Ok(Blocking::Known);
            };
            let operation = Operation::swap(&target, found.version, &body);
            match self.0.far.writes.ask(vec![operation]).await?.pop() {
                Some(Written::Done(_)) => {
                    (known.state, known.reason) = (stop.state().to_owned(), Some(reason.to_owned()));
                    self.view(tenant, job).keep(Look { at, job: Some(known) });
                    return Ok(Blocking::New);
                }
                Some(Written::Refused(why)) => {
                    tracing::error!(job_id = job.as_str(), reason, why, "the job cannot be stopped");
                    return Ok(Blocking::Known);
                }
                Some(Written::Outrun) | None => {}
            }
        }
    }

    fn view(&self, tenant: &Name, job: &JobId) -> Arc<View> {
        let mut views = self.0.views.lock().unwrap_or_else(PoisonError::into_inner);
        if views.len() >= MOST {
            views.clear();
        }
        Arc::clone(views.entry((tenant.clone(), job.clone())).or_default())
    }
}

impl View {
    fn says(&self, round: u32, asked: Instant) -> Option<Standing> {
        let look = self.look.lock().unwrap_or_else(PoisonError::into_inner);
        look.as_ref().and_then(|look| look.says(round, asked))
    }

    fn keep(&self, look: Look) {
        *self.look.lock().unwrap_or_else(PoisonError::into_inner) = Some(look);
    }
}

/// A job document's fields as they are stored: what is not changed goes back to the byte.
type Fields = BTreeMap<String, Box<RawValue>>;

fn stopped(mut fields: Fields, stop: Stop, reason: &str) -> Option<Vec<u8>> {
    let now = Timestamp::now();
    let paused_by = (stop == Stop::Pause).then_some(("paused_by", "budget"));
    let changes = [("state", stop.state()), ("reason", reason), ("updated_at", now.as_str())];
    for (name, text) in changes.into_iter().chain(paused_by) {
        fields.insert(name.to_owned(), to_raw_value(text).ok()?);
    }
    serde_json::to_vec(&fields).ok()
}

impl JobView for ElasticJobs {
    async fn standing(&self, tenant: &Name, job: &JobId, round: u32) -> Standing {
        match self.look(tenant, job, round).await {
            Ok(standing) => standing,
            // the program is aborted: any answer would settle the request
            Err(StoreGone) => std::future::pending().await,
        }
    }

    async fn block(&self, tenant: &Name, job: &JobId, round: u32, reason: &str) -> Blocking {
        match self.swap((tenant, job), round, (Stop::Block, reason)).await {
            Ok(blocking) => blocking,
            Err(StoreGone) => std::future::pending().await,
        }
    }

    async fn pause(&self, request: &GenerationRequest, reason: &str) -> Blocking {
        let whose = (&request.tenant, &request.job_id);
        match self.swap(whose, request.round, (Stop::Pause, reason)).await {
            Ok(blocking) => blocking,
            Err(StoreGone) => std::future::pending().await,
        }
    }

    async fn reserve(&self, request: &GenerationRequest, _: &str, need: Amount) -> Room {
        match self.0.accounts.reserve(&request.tenant, &request.job_id, need).await {
            Some(room) => room,
            None => std::future::pending().await,
        }
    }

    fn spent(&self, request: &GenerationRequest, _: &str, need: Amount, spent: Spent) {
        self.0.accounts.settle(&request.tenant, &request.job_id, need, spent);
    }

    async fn accounted(&self, request: &GenerationRequest) {
        self.0.accounts.kept(&request.tenant, &request.job_id).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(at: Instant, state: &str, round: u32) -> Look {
        Look { at, job: Some(Job { state: state.to_owned(), round, reason: None }) }
    }

    #[test]
    fn only_a_running_job_in_the_requests_round_is_worked_on() {
        let now = Instant::now();
        for state in RUNNING {
            assert_eq!(look(now, state, 2).says(2, now), Some(Standing::Running));
        }
        let told = look(now, "paused", 2).says(2, now);
        assert_eq!(told, Some(Standing::Over("the job is paused in round 2, not in 2".to_owned())));
        assert!(matches!(look(now, "blocked", 2).says(2, now), Some(Standing::Blocked(_))));
        assert!(matches!(look(now, "planned", 3).says(2, now), Some(Standing::Over(_))));
        assert!(matches!(Look { at: now, job: None }.says(2, now), Some(Standing::Over(_))));
    }

    #[test]
    fn a_request_is_not_dropped_by_a_look_that_is_older_than_itself() {
        let then = Instant::now();
        let soon = then + FRESH / 2;
        assert_eq!(look(then, "planned", 1).says(1, soon), Some(Standing::Running));
        assert_eq!(look(then, "planned", 1).says(1, then + FRESH), None);
        assert_eq!(look(then, "planned", 1).says(2, soon), None);
        assert_eq!(Look { at: then, job: None }.says(1, soon), None);
        assert!(matches!(look(then, "planned", 2).says(1, then + 9 * FRESH), Some(Standing::Over(_))));
    }

    #[test]
    fn blocking_leaves_every_other_field_as_it_is() {
        let stored =
            r#"{"job_id":"j","recipe":{"n":1e400,"i":99999999999999999999},"state":"planned","reason":null}"#;
        let body = stopped(serde_json::from_str(stored).unwrap(), Stop::Block, "no \"key\"").unwrap();
        let text = String::from_utf8(body).unwrap();
        assert!(text.contains(r#""recipe":{"n":1e400,"i":99999999999999999999}"#), "{text}");
        assert!(text.contains(r#""state":"blocked""#) && text.contains(r#""reason":"no \"key\"""#), "{text}");
    }
}
