//! Which jobs may be worked on: cancelled and blocked ones may not.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use crate::contract::{Amount, CancelLine, GenerationRequest, JobId, Name, Round};
use crate::spending::{self, Room, Spent};

/// Whether a request of a job may be worked on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    Running,
    /// Its round is over or the job is cancelled.
    Over(String),
    /// The provider refuses or cannot be reached.
    Blocked(String),
}

/// Whether a block was news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blocking {
    New,
    Known,
}

/// The view that the pipeline has of jobs.
pub trait JobView: Send + Sync + 'static {
    /// How the job stands towards a request of `round`.
    fn standing(&self, tenant: &Name, job: &JobId, round: u32) -> impl Future<Output = Standing> + Send;

    /// Blocks the job up to `round`; a later round unblocks it.
    fn block(
        &self,
        tenant: &Name,
        job: &JobId,
        round: u32,
        reason: &str,
    ) -> impl Future<Output = Blocking> + Send;

    /// Pauses the request's job in its round; a later round goes on.
    fn pause(&self, request: &GenerationRequest, reason: &str) -> impl Future<Output = Blocking> + Send;

    /// Asks for room in the job's budget for a call that takes at most `need`. What is granted has to be settled
    /// by `spent`; a question that nobody waits for any more is granted nothing.
    fn reserve(
        &self,
        request: &GenerationRequest,
        call_id: &str,
        need: Amount,
    ) -> impl Future<Output = Room> + Send;

    /// A call that was granted `need` has ended. Must not wait.
    fn spent(&self, request: &GenerationRequest, call_id: &str, need: Amount, spent: Spent);

    /// Returns when all that was spent before is written down; the request is settled only then.
    fn accounted(&self, request: &GenerationRequest) -> impl Future<Output = ()> + Send;
}

/// Jobs kept in mind; a running job needs no entry.
const MOST: usize = 10_000;

/// What this process was told of jobs and found out about them.
#[derive(Default)]
pub struct Jobs(Mutex<Known>);

#[derive(Default)]
struct Known {
    states: HashMap<(Name, JobId), State>,
    order: VecDeque<(Name, JobId)>,
}

#[derive(Default)]
struct State {
    /// Requests up to this round are dropped.
    cancelled: Option<u32>,
    blocked: Option<(u32, String)>,
    paused: Option<(u32, String)>,
    /// What its calls took in this process, and what those in flight may take.
    committed: Amount,
    held: Amount,
}

impl Jobs {
    /// Takes a cancel line.
    pub fn cancel(&self, line: &CancelLine) {
        self.with(&line.tenant, &line.job_id, |state| {
            let through = line.through_round.map_or(u32::MAX, Round::get);
            state.cancelled = Some(state.cancelled.map_or(through, |known| known.max(through)));
        });
    }

    fn with<T>(&self, tenant: &Name, job: &JobId, change: impl FnOnce(&mut State) -> T) -> T {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant.clone(), job.clone());
        if !known.states.contains_key(&key) {
            if known.order.len() >= MOST
                && let Some(oldest) = known.order.pop_front()
            {
                known.states.remove(&oldest);
            }
            known.order.push_back(key.clone());
        }
        change(known.states.entry(key).or_default())
    }

    fn look(&self, tenant: &Name, job: &JobId, round: u32) -> Standing {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.states.is_empty() {
            return Standing::Running;
        }
        let Some(state) = known.states.get(&(tenant.clone(), job.clone())) else { return Standing::Running };
        if state.cancelled.is_some_and(|through| round <= through) {
            return Standing::Over(format!("round {round} of job {job} is cancelled"));
        }
        match (&state.blocked, &state.paused) {
            (Some((blocked, reason)), _) if round <= *blocked => Standing::Blocked(reason.clone()),
            (_, Some((paused, reason))) if round <= *paused => Standing::Over(reason.clone()),
            _ => Standing::Running,
        }
    }
}

impl JobView for Jobs {
    async fn standing(&self, tenant: &Name, job: &JobId, round: u32) -> Standing {
        self.look(tenant, job, round)
    }

    async fn block(&self, tenant: &Name, job: &JobId, round: u32, reason: &str) -> Blocking {
        self.with(tenant, job, |state| match &state.blocked {
            Some((blocked, _)) if *blocked >= round => Blocking::Known,
            _ => {
                state.blocked = Some((round, reason.to_owned()));
                Blocking::New
            }
        })
    }

    async fn pause(&self, request: &GenerationRequest, reason: &str) -> Blocking {
        self.with(&request.tenant, &request.job_id, |state| match &state.paused {
            Some((paused, _)) if *paused >= request.round => Blocking::Known,
            _ => {
                state.paused = Some((request.round, reason.to_owned()));
                Blocking::New
            }
        })
    }

    async fn reserve(&self, request: &GenerationRequest, _: &str, need: Amount) -> Room {
        let budget = request.budget.unwrap_or_default();
        self.with(&request.tenant, &request.job_id, |state| {
            let room = spending::judge(&budget, state.committed, state.held, need);
            if room == Room::Granted {
                state.held += need;
            }
            room
        })
    }

    fn spent(&self, request: &GenerationRequest, _: &str, need: Amount, spent: Spent) {
        self.with(&request.tenant, &request.job_id, |state| {
            state.held = state.held.less(need);
            state.committed += match spent {
                Spent::Reported(amount) => amount,
                Spent::Assumed => need,
                Spent::Nothing => Amount::default(),
            };
        });
    }

    async fn accounted(&self, _: &GenerationRequest) {}
}

impl<J: JobView> JobView for std::sync::Arc<J> {
    async fn standing(&self, tenant: &Name, job: &JobId, round: u32) -> Standing {
        J::standing(self, tenant, job, round).await
    }

    async fn block(&self, tenant: &Name, job: &JobId, round: u32, reason: &str) -> Blocking {
        J::block(self, tenant, job, round, reason).await
    }

    async fn pause(&self, request: &GenerationRequest, reason: &str) -> Blocking {
        J::pause(self, request, reason).await
    }

    async fn reserve(&self, request: &GenerationRequest, call_id: &str, need: Amount) -> Room {
        J::reserve(self, request, call_id, need).await
    }

    fn spent(&self, request: &GenerationRequest, call_id: &str, need: Amount, spent: Spent) {
        J::spent(self, request, call_id, need, spent);
    }

    async fn accounted(&self, request: &GenerationRequest) {
        J::accounted(self, request).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids() -> (Name, JobId) {
        (Name::default_tenant(), JobId::try_from("j".to_owned()).unwrap())
    }

    #[tokio::test]
    async fn a_block_holds_until_a_later_round() {
        let (tenant, job) = ids();
        let jobs = Jobs::default();
        assert_eq!(jobs.block(&tenant, &job, 2, "key").await, Blocking::New);
        assert_eq!(jobs.block(&tenant, &job, 1, "key").await, Blocking::Known);
        assert_eq!(jobs.standing(&tenant, &job, 2).await, Standing::Blocked("key".to_owned()));
        assert_eq!(jobs.standing(&tenant, &job, 3).await, Standing::Running);
        assert_eq!(jobs.block(&tenant, &job, 3, "key").await, Blocking::New);
    }

    #[tokio::test]
    async fn a_cancel_holds_for_its_rounds() {
        let (tenant, job) = ids();
        let jobs = Jobs::default();
        let line = |through_round| CancelLine { tenant: tenant.clone(), job_id: job.clone(), through_round };
        jobs.cancel(&line(Some(Round::try_from(1).unwrap())));
        assert!(matches!(jobs.standing(&tenant, &job, 1).await, Standing::Over(_)));
        assert_eq!(jobs.standing(&tenant, &job, 2).await, Standing::Running);
        jobs.cancel(&line(None));
        assert!(matches!(jobs.standing(&tenant, &job, 900).await, Standing::Over(_)));
    }

    #[tokio::test]
    async fn only_so_many_jobs_are_kept_in_mind() {
        let (tenant, _) = ids();
        let jobs = Jobs::default();
        for number in 0..MOST + 10 {
            let job_id = JobId::try_from(format!("j{number}")).unwrap();
            jobs.cancel(&CancelLine { tenant: tenant.clone(), job_id, through_round: None });
        }
        assert_eq!(jobs.0.lock().unwrap().states.len(), MOST);
    }
}
