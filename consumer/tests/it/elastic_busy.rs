//! What a server that is away or has no room makes of writes: answers that the real one gives too rarely to wait for.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use synthmill_consumer::contract::EventDocument;
use synthmill_consumer::health::Part;
use synthmill_consumer::store::{Fact, Store};

use super::contracts::example;
use super::place::{Consumer, consumer_at};

/// The ids of each bulk that came, in order.
type Bulks = Arc<Mutex<Vec<Vec<String>>>>;

/// What is said to a bulk of these ids, by its number from 0: a status, and those of the items.
type Script = dyn Fn(&[String], usize) -> (u16, Vec<u16>) + Send + Sync;

/// A server that has all indexes and answers bulks by `script`.
fn server(script: impl Fn(&[String], usize) -> (u16, Vec<u16>) + Send + Sync + 'static) -> (String, Bulks) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (bulks, script): (Bulks, Arc<Script>) = (Bulks::default(), Arc::new(script));
    let seen = Arc::clone(&bulks);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
            thread::spawn(move || serve(stream.unwrap(), &seen, &*script));
        }
    });
    (url, bulks)
}

fn serve(mut stream: TcpStream, bulks: &Bulks, script: &Script) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some((path, body)) = request(&mut reader) {
        let (status, answer) = match path.starts_with("/_bulk") {
            true => bulk(&body, bulks, script),
            false => (200, lookups(&body)),
        };
        let text = answer.to_string();
        let head = format!("HTTP/1.1 {status} S\r\ncontent-length: {}\r\n\r\n{text}", text.len());
        stream.write_all(head.as_bytes()).unwrap();
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, String)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let path = line.split(' ').nth(1).unwrap().to_owned();
    let mut length = 0;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).unwrap();
        match header.trim_end().split_once(": ") {
            None => break,
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.parse().unwrap()
            }
            Some(_) => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Some((path, String::from_utf8(body).unwrap()))
}

fn lookups(body: &str) -> Value {
    let asked: Value = serde_json::from_str(body).unwrap();
    let docs = asked["docs"].as_array().unwrap().iter();
    json!({"docs": docs.map(|doc| json!({"_id": doc["_id"], "found": false})).collect::<Vec<_>>()})
}

fn bulk(body: &str, bulks: &Bulks, script: &Script) -> (u16, Value) {
    let heads = body.lines().step_by(2).map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ids: Vec<String> = heads.map(|head| head["create"]["_id"].as_str().unwrap().to_owned()).collect();
    let mut bulks = bulks.lock().unwrap();
    let (status, items) = script(&ids, bulks.len());
    bulks.push(ids);
    let error = json!({"type": "some_exception", "reason": "not now"});
    let answered = |status: &u16| match *status {
        201 => json!({"create": {"status": 201, "_seq_no": 1, "_primary_term": 1}}),
        status => json!({"create": {"status": status, "error": error}}),
    };
    match status {
        200 => (200, json!({"items": items.iter().map(answered).collect::<Vec<_>>()})),
        status => (status, json!({"error": error, "status": status})),
    }
}

fn event(id: &str) -> Fact {
    let mut event: EventDocument = serde_json::from_value(example("event", "provider_saturated")).unwrap();
    event.event_id = id.to_owned();
    Fact::Event(Box::new(event))
}

async fn noted(consumer: &Consumer, ids: &[&str]) {
    let facts = ids.iter().map(|id| event(id)).collect();
    consumer.elastic.store.note(facts).await.unwrap();
    consumer.elastic.store.written().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_found_no_room_is_sent_again_alone() {
    let (url, bulks) = server(|ids, number| {
        let status = |id: &String| if number < 2 && id.ends_with("b") { 429 } else { 201 };
        (200, ids.iter().map(status).collect())
    });
    noted(&consumer_at(&url, "p"), &["a", "b", "c"]).await;
    assert_eq!(
        *bulks.lock().unwrap(),
        [vec!["default:a", "default:b", "default:c"], vec!["default:b"], vec!["default:b"]]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_loses_nothing_and_writes_nothing_twice() {
    const AWAY: usize = 6;
    let (url, bulks) =
        server(|ids, number| (if number < AWAY { 503 } else { 200 }, ids.iter().map(|_| 201).collect()));
    let consumer = consumer_at(&url, "p");
    let ids: Vec<String> = (0..40).map(|number| format!("e{number:02}")).collect();
    for id in &ids {
        consumer.elastic.store.note(vec![event(id)]).await.unwrap();
    }
    consumer.elastic.store.written().await.unwrap();
    let mut written: Vec<String> = bulks.lock().unwrap()[AWAY..].concat();
    written.sort();
    let expected: Vec<String> = ids.iter().map(|id| format!("default:{id}")).collect();
    assert_eq!(written, expected);
    assert!(consumer.health.is_ready());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_does_not_answer_is_not_ready() {
    let (url, _) = server(|_, _| (503, vec![]));
    let mut consumer = consumer_at(&url, "p");
    consumer.elastic.prepared.ready().await;
    consumer.elastic.store.note(vec![event("a")]).await.unwrap();
    while consumer.health.is_ready() {
        tokio::task::yield_now().await;
    }
    assert!(consumer.health.checks()[&Part::Store].contains("503: some_exception: not now"));
    consumer.shutdown.abort();
    assert!(consumer.elastic.store.written().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bulk_that_is_too_large_is_halved_and_what_is_too_large_alone_is_refused() {
    let (url, bulks) = server(|ids, _| {
        let fits = ids.len() == 1 && !ids[0].ends_with(":b");
        (if fits { 200 } else { 413 }, vec![201])
    });
    noted(&consumer_at(&url, "p"), &["a", "b", "c", "d"]).await;
    let alone: Vec<String> =
        bulks.lock().unwrap().iter().filter(|ids| ids.len() == 1).flatten().cloned().collect();
    assert_eq!(alone, ["default:a", "default:b", "default:c", "default:d", "default:store.refused-event-b"]);
}
