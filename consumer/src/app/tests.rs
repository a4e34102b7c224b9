use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::contract::{GenerationRequest, SettleOutcome, SlotDocument};
use crate::llm::backoff::Backoff;
use crate::llm::budget::BudgetSettings;
use crate::llm::provider::CallSettings;
use crate::store::{Claiming, Fact, StoreGone, Unread, Verdict};
use crate::testing;

/// A store that breaks on the slots of job `bad`.
struct Breaking;

impl Store for Breaking {
    async fn note(&self, _: Vec<Fact>) -> Result<(), StoreGone> {
        Ok(())
    }

    async fn written(&self) -> Result<(), StoreGone> {
        Ok(())
    }

    async fn closed(&self, _: &GenerationRequest, record_ids: &[String]) -> Result<Vec<bool>, Unread> {
        assert!(!record_ids[0].starts_with("bad-"), "a fault in the store");
        Ok(vec![true; record_ids.len()])
    }

    async fn offer(&self, _: &[SlotDocument], _: Claiming) -> Result<Vec<Verdict>, StoreGone> {
        Err(StoreGone)
    }
}

type Settlements = Arc<Mutex<Vec<(&'static str, SettleOutcome, Option<String>)>>>;

/// A source of a few requests that writes down how they were settled.
struct Listed {
    jobs: Vec<&'static str>,
    settled: Settlements,
}

impl Source for Listed {
    type Ticket = &'static str;

    async fn next(&mut self) -> Option<Delivery<Self::Ticket>> {
        let job = self.jobs.pop()?;
        let mut json = testing::request_json();
        json["job_id"] = job.into();
        Some(Delivery { body: Ok(Box::new(testing::read(&json))), ticket: job })
    }

    async fn settle(&self, ticket: Self::Ticket, outcome: SettleOutcome, reason: Option<String>) {
        self.settled.lock().unwrap().push((ticket, outcome, reason));
    }
}

fn desk() -> Arc<Desk<Breaking, Jobs>> {
    let second = Duration::from_secs(1);
    let calls = CallSettings {
        concurrency: 1,
        backoff: Backoff { base: second, cap: second },
        budget: BudgetSettings { ratio: 0.1, per_second: 3.0 },
        patience: second,
    };
    Arc::new(Desk {
        store: Breaking,
        jobs: Jobs::default(),
        plans: Plans::new(1),
        providers: Providers::new(calls),
        client: Client::new(1).unwrap(),
        gateway_url: "http://127.0.0.1:9".to_owned(),
        shutdown: Shutdown::default(),
    })
}

#[tokio::test]
async fn a_fault_in_one_request_settles_it_and_leaves_the_others_alone() {
    let settled = Settlements::default();
    let source = Listed { jobs: vec!["good", "bad", "fine"], settled: Arc::clone(&settled) };
    let ended = run_until_stopped(desk(), source, Duration::from_secs(1)).await;
    assert_eq!(ended, Ended::Finished);
    let mut settled = settled.lock().unwrap().clone();
    settled.sort_by_key(|(job, _, _)| *job);
    let outcomes: Vec<_> = settled.iter().map(|(job, outcome, _)| (*job, *outcome)).collect();
    assert_eq!(
        outcomes,
        [("bad", SettleOutcome::Invalid), ("fine", SettleOutcome::Done), ("good", SettleOutcome::Done)]
    );
    assert!(settled[0].2.as_ref().is_some_and(|reason| reason.contains("a fault in the store")));
}

#[tokio::test]
async fn after_an_abort_nothing_is_taken() {
    let settled = Settlements::default();
    let desk = desk();
    desk.shutdown.abort();
    let source = Listed { jobs: vec!["good"], settled: Arc::clone(&settled) };
    assert_eq!(run_until_stopped(desk, source, Duration::ZERO).await, Ended::Aborted);
    assert!(settled.lock().unwrap().is_empty());
}
