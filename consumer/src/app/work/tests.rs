use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::contract::{GenerationRequest, SlotDocument};
use crate::jobs::Jobs;
use crate::llm::client::Client;
use crate::llm::provider::CallSettings;
use crate::llm::provider::Providers;
use crate::plan::Plans;
use crate::shutdown::Shutdown;
use crate::store::{Claiming, Fact, StoreGone, Unread, Verdict};
use crate::testing;

/// A store that breaks on the slots of job `bad`, and never answers for job `slow`.
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
        if record_ids[0].starts_with("slow-") {
            std::future::pending().await
        }
        Ok(vec![true; record_ids.len()])
    }

    async fn offer(&self, _: &[SlotDocument], _: Claiming) -> Result<Vec<Verdict>, StoreGone> {
        Err(StoreGone)
    }
}

type Settlements = Arc<Mutex<Vec<(&'static str, Outcome)>>>;

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

    async fn settle(&self, ticket: Self::Ticket, outcome: Outcome) {
        self.settled.lock().unwrap().push((ticket, outcome));
    }

    async fn leave(self) {
        self.settled.lock().unwrap().push(("left", Outcome::Done));
    }
}

fn desk() -> Arc<Desk<Breaking, Jobs>> {
    Arc::new(Desk {
        store: Breaking,
        jobs: Jobs::default(),
        plans: Plans::new(1),
        providers: Providers::new(CallSettings::default()),
        client: Client::new(1).unwrap(),
        gateway_url: "http://127.0.0.1:9".to_owned(),
        shutdown: Shutdown::default(),
        hold: None,
    })
}

#[tokio::test]
async fn a_fault_in_one_request_settles_it_and_leaves_the_others_alone() {
    let settled = Settlements::default();
    let source = Listed { jobs: vec!["good", "bad", "fine"], settled: Arc::clone(&settled) };
    let ended = run_until_stopped(desk(), source, Duration::from_secs(1)).await;
    assert_eq!(ended, Ended::Finished);
    let mut settled = settled.lock().unwrap().clone();
    assert_eq!(settled.pop(), Some(("left", Outcome::Done)));
    settled.sort_by_key(|(job, _)| *job);
    assert_eq!(settled[1..], [("fine", Outcome::Done), ("good", Outcome::Done)]);
    let (job, Outcome::Panicked(reason)) = &settled[0] else { panic!("{settled:?}") };
    assert!(*job == "bad" && reason.contains("a fault in the store"), "{reason}");
}

/// A source of one request that never ends, and no end of its own.
struct Endless {
    taken: bool,
    settled: Settlements,
}

impl Source for Endless {
    type Ticket = &'static str;

    async fn next(&mut self) -> Option<Delivery<Self::Ticket>> {
        let taken = std::mem::replace(&mut self.taken, true);
        if taken {
            std::future::pending::<()>().await;
        }
        self.settled.lock().unwrap().push(("taken", Outcome::Done));
        let mut json = testing::request_json();
        json["job_id"] = "slow".into();
        Some(Delivery { body: Ok(Box::new(testing::read(&json))), ticket: "slow" })
    }

    async fn settle(&self, ticket: Self::Ticket, outcome: Outcome) {
        self.settled.lock().unwrap().push((ticket, outcome));
    }

    async fn leave(self) {}
}

#[tokio::test]
async fn what_does_not_end_in_time_is_settled_as_stopped() {
    let settled = Settlements::default();
    let desk = desk();
    let running = tokio::spawn(run_until_stopped(
        Arc::clone(&desk),
        Endless { taken: false, settled: Arc::clone(&settled) },
        Duration::from_millis(10),
    ));
    while settled.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    desk.shutdown.drain();
    assert_eq!(running.await.unwrap(), Ended::Finished);
    assert_eq!(settled.lock().unwrap()[1..], [("slow", Outcome::Halted(Halt::Stopped))]);
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
