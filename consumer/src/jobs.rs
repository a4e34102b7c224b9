//! Which jobs may be worked on: cancelled and blocked ones may not.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use crate::contract::{CancelLine, JobId, Name, Round};

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
        match &state.blocked {
            Some((blocked, reason)) if round <= *blocked => Standing::Blocked(reason.clone()),
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
}

impl<J: JobView> JobView for std::sync::Arc<J> {
    async fn standing(&self, tenant: &Name, job: &JobId, round: u32) -> Standing {
        J::standing(self, tenant, job, round).await
    }

    async fn block(&self, tenant: &Name, job: &JobId, round: u32, reason: &str) -> Blocking {
        J::block(self, tenant, job, round, reason).await
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
