//! Waits for the indexes, which workers and the API make when they start.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

use super::client::Client;
use super::condition::{Condition, Trouble};
use super::names::{Kind, Names};
use super::reads::{self, Lookup};
use crate::store::StoreGone;

const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
const MISSING: &str = "indexes missing: start a worker or the API first";

/// Whether the indexes are there.
#[derive(Clone)]
pub struct Prepared(watch::Receiver<bool>);

impl Prepared {
    /// Starts a task that looks until they are there; until then the store is not ready.
    pub(super) fn watch(client: Arc<Client>, names: &Names, condition: &Condition) -> Self {
        let (told, seen) = watch::channel(false);
        let lookups = lookups(names);
        let condition = condition.clone();
        tokio::spawn(async move {
            let mut complaint = None;
            loop {
                match missing(&client, &lookups).await {
                    Err(StoreGone) => return,
                    Ok(None) => break,
                    Ok(Some(reason)) => {
                        complaint.get_or_insert_with(|| condition.complain(Trouble::Unprepared, &reason));
                    }
                }
                sleep(BETWEEN_LOOKS).await;
            }
            drop(complaint);
            condition.tell();
            let _ = told.send(true);
        });
        Self(seen)
    }

    /// Returns when they are there; never when the program is aborted before.
    pub async fn ready(&mut self) {
        if self.0.wait_for(|is_ready| *is_ready).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

fn lookups(names: &Names) -> Vec<Lookup> {
    let shared = Kind::ALL.iter().map(|kind| names.shared(*kind));
    let all = shared.chain([names.registry()]);
    all.map(|index| Lookup { index, key: "_".to_owned(), fields: &[] }).collect()
}

/// What is missing, in words.
async fn missing(client: &Client, lookups: &[Lookup]) -> Result<Option<String>, StoreGone> {
    let docs = match reads::fetched(client, lookups.iter().collect()).await? {
        Ok(docs) => docs,
        Err(reason) => return Ok(Some(reason)),
    };
    let failed = lookups.iter().zip(docs).filter_map(|(lookup, doc)| Some((lookup, doc.error?)));
    let (absent, broken): (Vec<_>, Vec<_>) = failed.partition(|(_, failure)| failure.is_missing_index());
    if !absent.is_empty() {
        let names: Vec<&str> = absent.iter().map(|(lookup, _)| lookup.index.as_str()).collect();
        return Ok(Some(format!("{MISSING} ({})", names.join(", "))));
    }
    Ok(broken.first().map(|(lookup, failure)| format!("{} cannot be read: {}", lookup.index, failure.told())))
}
