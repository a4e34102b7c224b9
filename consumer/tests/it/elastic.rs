//! The record store, jobs and starts on a real Elasticsearch; see `place`.

use serde_json::{Value, json};
use synthmill_consumer::contract::{
    CallDocument, EventDocument, GenerationRequest, JobId, Name, RejectDocument, SlotDocument,
};
use synthmill_consumer::elastic::ElasticStore;
use synthmill_consumer::health::Part;
use synthmill_consumer::jobs::{Blocking, JobView, Standing};
use synthmill_consumer::starts::{MessageCopy, Starts};
use synthmill_consumer::store::{Claiming, Fact, Store, Unread, Verdict};

use super::contracts::example;
use super::place::{self, DATASET, Place, TENANT, ask, consumer, raw};

/// A test that needs the real server.
macro_rules! on_stack {
    ($(#[$meta:meta])* async fn $name:ident() $body:block) => {
        $(#[$meta])*
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            if place::wanted() $body
        }
    };
}

fn name(text: &str) -> Name {
    Name::try_from(text.to_owned()).unwrap()
}

fn job(text: &str) -> JobId {
    JobId::try_from(text.to_owned()).unwrap()
}

/// A slot document of the golden examples, moved to the tests' dataset.
fn slot(case: &str, number: u64, changes: Value) -> SlotDocument {
    let mut document = example("slot", case);
    let mut put =
        |fields: Value| document.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    put(json!({"tenant": TENANT, "dataset": DATASET, "job_id": "job-1", "slot": number}));
    put(json!({"record_id": format!("job-1-{number}")}));
    put(changes);
    serde_json::from_value(document).unwrap()
}

/// An accepted record with this score and content.
fn record(number: u64, score: Value, content: &str) -> SlotDocument {
    let hash = synthmill_consumer::contract::Sha256Hex::of(content.as_bytes());
    slot("accepted", number, json!({"data": {"score": score, "subject": content}, "content_hash": hash}))
}

async fn offer(store: &ElasticStore, documents: &[SlotDocument]) -> Vec<Verdict> {
    store.offer(documents, Claiming::Once).await.unwrap()
}

async fn slots_index(prefix: &str) -> String {
    let bound = raw(&format!("{prefix}-datasets"), &format!("{TENANT}.{DATASET}.job-1")).await;
    bound["index"].as_str().unwrap().to_owned()
}

fn request(numbers: &[u64]) -> GenerationRequest {
    let mut request = example("generation_request", "one_slot");
    request["tenant"] = json!(TENANT);
    request["dataset"] = json!(DATASET);
    request["job_id"] = json!("job-1");
    let slot = request["slots"][0].clone();
    let slots = numbers.iter().map(|number| {
        let mut slot = slot.clone();
        slot["slot"] = json!(number);
        slot
    });
    request["slots"] = slots.collect();
    serde_json::from_value(request).unwrap()
}

on_stack! {
    async fn an_accepted_slot_is_closed_at_once_and_never_overwritten() {
        let place = Place::shared();
        let store = consumer(&place.prefix).elastic.store;
        let failed = |round: u32| {
            vec![Fact::Failed(Box::new(slot("exhausted", 10, json!({"round": round}))))]
        };
        store.note(failed(2)).await.unwrap();
        store.note(failed(1)).await.unwrap();
        store.written().await.unwrap();
        let index = slots_index(&place.prefix).await;
        assert_eq!(raw(&index, "job-1-10").await["round"], 2);
        let ids = ["job-1-10".to_owned(), "job-1-11".to_owned(), "job-1-12".to_owned()];
        let asked = request(&[10, 11, 12]);
        assert_eq!(store.closed(&asked, &ids).await.unwrap(), [false, false, false]);
        assert_eq!(offer(&store, &[record(10, json!(1), "ten")]).await, [Verdict::Stored]);
        let parked = slot("parked", 11, json!({"round": 1}));
        store.note(vec![Fact::Failed(Box::new(parked))]).await.unwrap();
        store.note(failed(3)).await.unwrap();
        store.written().await.unwrap();
        assert_eq!(store.closed(&asked, &ids).await.unwrap(), [true, true, false]);
        assert_eq!(offer(&store, &[record(10, json!(2), "else")]).await, [Verdict::Already]);
        let there = raw(&index, "job-1-10").await;
        assert_eq!((&there["data"]["score"], &there["doc_id"]), (&json!(1), &json!("job-1-10")));
        assert!(there.get("doc_tenant").is_none());
    }
}

on_stack! {
    async fn one_refused_record_leaves_the_others_of_its_bulk_stored_and_its_content_free() {
        let place = Place::make();
        let store = consumer(&place.prefix).elastic.store;
        let offered = [record(0, json!(1), "a"), record(1, json!("high"), "b"), record(2, json!(3), "c")];
        let verdicts = offer(&store, &offered).await;
        assert_eq!((&verdicts[0], &verdicts[2]), (&Verdict::Stored, &Verdict::Stored));
        let Verdict::Refused(reason) = &verdicts[1] else { panic!("{verdicts:?}") };
        assert!(reason.contains("data.score") && reason.contains("high") && reason.len() < 600, "{reason}");
        let stats = ask("GET", &format!("{}/_stats/indexing", slots_index(&place.prefix).await), None).await;
        assert_eq!(stats["_all"]["primaries"]["indexing"]["index_total"], 2);
        assert_eq!(offer(&store, &[record(3, json!(4), "b")]).await, [Verdict::Stored]);
    }
}

on_stack! {
    async fn a_content_is_had_once_among_consumers_and_a_slot_may_offer_it_again() {
        let place = Place::shared();
        let (one, other) = (consumer(&place.prefix).elastic.store, consumer(&place.prefix).elastic.store);
        for number in 0..20 {
            let content = format!("twin {number}");
            let (left, right) =
                (record(100 + 2 * number, json!(1), &content), record(101 + 2 * number, json!(1), &content));
            let (first, second) = tokio::join!(offer(&one, std::slice::from_ref(&left)), offer(&other, std::slice::from_ref(&right)));
            let (winner, mut verdicts) = (if first[0] == Verdict::Stored { left } else { right }, [first, second].concat());
            verdicts.sort_by_key(|verdict| *verdict != Verdict::Stored);
            assert_eq!(verdicts, [Verdict::Stored, Verdict::Duplicate]);
            assert_eq!(offer(&other, &[winner]).await, [Verdict::Already]);
        }
        let both = [record(150, json!(1), "same"), record(151, json!(1), "same")];
        assert_eq!(offer(&one, &both).await, [Verdict::Stored, Verdict::Duplicate]);
        assert_eq!(one.offer(&both[1..], Claiming::Free).await.unwrap(), [Verdict::Stored]);
    }
}

on_stack! {
    async fn a_claim_whose_slot_holds_something_else_keeps_nobody_out() {
        let place = Place::shared();
        let store = consumer(&place.prefix).elastic.store;
        assert_eq!(offer(&store, &[record(200, json!(1), "kept")]).await, [Verdict::Stored]);
        // given back at once, because its slot was filled before
        assert_eq!(offer(&store, &[record(200, json!(1), "late")]).await, [Verdict::Already]);
        assert_eq!(offer(&store, &[record(201, json!(1), "late")]).await, [Verdict::Stored]);
        // left behind by a kill: of a slot that came to hold something else, and of one that is still open
        for (holder, content) in [("job-1-200", "orphan"), ("job-1-202", "waiting")] {
            put_claim(&place.prefix, holder, content).await;
        }
        let offered = [record(203, json!(1), "orphan"), record(204, json!(1), "waiting")];
        assert_eq!(offer(&store, &offered).await, [Verdict::Stored, Verdict::Duplicate]);
        assert_eq!(offer(&store, &[record(202, json!(1), "waiting")]).await, [Verdict::Stored]);
    }
}

/// A claim as a consumer writes it that is killed before it writes the slot.
async fn put_claim(prefix: &str, holder: &str, content: &str) {
    let hash = synthmill_consumer::contract::Sha256Hex::of(content.as_bytes());
    let id = synthmill_consumer::ids::claim_id(TENANT, DATASET, &hash);
    let mut claim = example("claim", "first_of_its_content");
    let fields = json!({"tenant": TENANT, "dataset": DATASET, "content_hash": hash, "record_id": holder,
        "job_id": "job-1", "doc_id": id, "doc_tenant": TENANT});
    claim.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    let made = ask("PUT", &format!("{prefix}-claims/_doc/{TENANT}:{id}"), Some(claim)).await;
    assert_eq!(made["result"], "created", "{made}");
}

on_stack! {
    async fn facts_are_written_once_and_one_that_is_refused_leaves_its_trace() {
        let place = Place::shared();
        let store = consumer(&place.prefix).elastic.store;
        let mut call: CallDocument = serde_json::from_value(example("call", "answered")).unwrap();
        let mut event: EventDocument = serde_json::from_value(example("event", "provider_saturated")).unwrap();
        let mut reject: RejectDocument = serde_json::from_value(example("reject", "schema_fault")).unwrap();
        (call.tenant, event.tenant, reject.tenant) = (name(TENANT), name(TENANT), name(TENANT));
        let facts = || {
            vec![Fact::Call(Box::new(call.clone())), Fact::Event(Box::new(event.clone()))]
        };
        store.note(facts()).await.unwrap();
        store.note(facts()).await.unwrap();
        if let Some(lineage) = reject.lineage.as_mut() {
            lineage.row = Some(u64::MAX); // no index holds such a number
        }
        store.note(vec![Fact::Reject(Box::new(reject.clone()))]).await.unwrap();
        store.written().await.unwrap();
        let there = |kind: &str, id: &str| {
            let (index, key) = (format!("{}-{kind}", place.prefix), format!("{TENANT}:{id}"));
            async move { raw(&index, &key).await }
        };
        let stored = there("calls", &call.call_id).await;
        let mut expected = serde_json::to_value(&call).unwrap();
        expected["doc_id"] = json!(call.call_id);
        expected["doc_tenant"] = json!(TENANT);
        assert_eq!(stored, expected);
        assert_eq!(there("events", &event.event_id).await["doc_id"], event.event_id);
        let bare = there("rejects", &reject.reject_id).await;
        assert_eq!((&bare["lineage"], &bare["reject_class"]), (&Value::Null, &json!("schema")));
        assert!(bare["reason"].as_str().unwrap().contains("the store refused the whole of it"), "{bare}");
        let told = there("events", &format!("store.refused-reject-{}", reject.reject_id)).await;
        assert!(told["message"].as_str().unwrap().contains("lineage.row"), "{told}");
    }
}

on_stack! {
    async fn a_job_is_worked_on_in_its_round_until_it_is_blocked() {
        let place = Place::make();
        let (one, other) = (consumer(&place.prefix).elastic.jobs, consumer(&place.prefix).elastic.jobs);
        let (tenant, first) = (name(TENANT), job("job-1"));
        let (index, key) = (format!("{}-jobs", place.prefix), format!("{TENANT}:job-1"));
        let before = raw(&index, &key).await;
        assert_eq!(one.standing(&tenant, &first, 2).await, Standing::Running);
        for round in [1, 3] {
            assert!(matches!(one.standing(&tenant, &first, round).await, Standing::Over(_)));
        }
        let missing = Standing::Over("there is no such job".to_owned());
        assert_eq!(one.standing(&tenant, &job("job-9"), 1).await, missing);
        assert_eq!(one.standing(&name("other"), &first, 2).await, missing);
        assert_eq!(one.block(&tenant, &first, 1, "old").await, Blocking::Known);
        let (here, there) =
            tokio::join!(one.block(&tenant, &first, 2, "no key"), other.block(&tenant, &first, 2, "no key"));
        assert!((here == Blocking::New) != (there == Blocking::New));
        let blocked = Standing::Blocked("no key".to_owned());
        assert_eq!(one.standing(&tenant, &first, 2).await, blocked);
        let mut after = raw(&index, &key).await;
        assert_ne!(after["updated_at"], before["updated_at"]);
        assert_eq!((&after["state"], &after["reason"]), (&json!("blocked"), &json!("no key")));
        for field in ["state", "reason", "updated_at"] {
            after[field] = before[field].clone();
        }
        assert_eq!(after, before);
    }
}

on_stack! {
    async fn a_later_round_is_seen_as_soon_as_a_request_of_it_comes() {
        let place = Place::shared();
        let jobs = consumer(&place.prefix).elastic.jobs;
        let (tenant, second) = (name(TENANT), job("job-2"));
        assert_eq!(jobs.standing(&tenant, &second, 2).await, Standing::Running);
        let (index, key) = (format!("{}-jobs", place.prefix), format!("{TENANT}:job-2"));
        let mut document = raw(&index, &key).await;
        document["round"] = json!(3);
        ask("PUT", &format!("{index}/_doc/{key}"), Some(document)).await;
        assert_eq!(jobs.standing(&tenant, &second, 3).await, Standing::Running);
        assert!(matches!(jobs.standing(&tenant, &second, 2).await, Standing::Over(_)));
    }
}

on_stack! {
    async fn beginnings_are_counted_across_consumers_and_forgotten_when_settled() {
        let place = Place::shared();
        let (one, other) = (consumer(&place.prefix).elastic.starts, consumer(&place.prefix).elastic.starts);
        let copy = MessageCopy { id: "copy-1".to_owned(), message_id: "job-1-2-0".to_owned(), before: 1 };
        assert_eq!(one.count(&copy).await, Ok(1));
        let (first, second) = tokio::join!(one.begin(&copy), other.begin(&copy));
        let mut counts = [first.unwrap(), second.unwrap()];
        counts.sort_unstable();
        assert_eq!(counts, [2, 3]);
        assert_eq!((one.begin(&copy).await, other.count(&copy).await), (Ok(4), Ok(4)));
        let there = raw(&format!("{}-starts", place.prefix), "_broker:copy-1").await;
        assert_eq!((&there["queue"], &there["tenant"]), (&json!("generation"), &json!("_broker")));
        one.forget(&copy).await;
        while other.count(&copy).await != Ok(1) {
            tokio::task::yield_now().await;
        }
    }
}

on_stack! {
    async fn a_store_without_indexes_is_waited_for_and_a_job_without_an_index_is_given_up() {
        let prefix = format!("nowhere{:08x}", fastrand::u32(..));
        let unprepared = consumer(&prefix);
        while !unprepared.health.checks()[&Part::Store].contains("start a worker or the API first") {
            tokio::task::yield_now().await;
        }
        unprepared.shutdown.abort();
        let place = Place::shared();
        let mut ready = consumer(&place.prefix);
        ready.elastic.prepared.ready().await;
        assert!(ready.health.is_ready());
        let mut unbound = request(&[0]);
        unbound.job_id = job("job-8");
        let told = ready.elastic.store.closed(&unbound, &["job-8-0".to_owned()]).await;
        assert!(matches!(told, Err(Unread::NoPlace(reason)) if reason.contains("job-8")));
    }
}
