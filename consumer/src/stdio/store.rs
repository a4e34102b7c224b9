//! The store of `--stdio`: every fact and record is a line; who admits records is a setting.

use std::sync::Arc;

use serde::Serialize;

use super::claims::Claims;
use super::verdicts::Verdicts;
use super::writer::Writer;
use crate::contract::{GenerationRequest, OutputLine, SlotDocument};
use crate::store::{Claiming, Fact, Store, StoreGone, Unread, Verdict};

/// Who says whether a record is taken.
pub enum Admission {
    /// This process: a content is taken once in a run.
    Local(Claims),
    /// The other side, by a verdict line for each accepted slot line.
    Ask(Arc<Verdicts>),
}

/// `OutputLine::Slot` of a document that is only lent.
#[derive(Serialize)]
struct SlotLine<'document> {
    kind: &'static str,
    document: &'document SlotDocument,
}

impl<'document> SlotLine<'document> {
    fn of(document: &'document SlotDocument) -> Self {
        Self { kind: "slot", document }
    }
}

/// Standard output as a store.
pub struct StdioStore {
    pub writer: Writer,
    pub admission: Admission,
}

impl Store for StdioStore {
    async fn note(&self, facts: Vec<Fact>) -> Result<(), StoreGone> {
        self.writer.write(facts.into_iter().map(OutputLine::from)).await
    }

    async fn written(&self) -> Result<(), StoreGone> {
        // the line that settles a request stands behind all of its facts
        Ok(())
    }

    async fn closed(&self, request: &GenerationRequest, record_ids: &[String]) -> Result<Vec<bool>, Unread> {
        Ok(match &self.admission {
            Admission::Local(claims) => {
                record_ids.iter().map(|id| claims.holds(request.tenant.as_str(), id)).collect()
            }
            // who answers offers leaves closed slots out of the requests
            Admission::Ask(_) => vec![false; record_ids.len()],
        })
    }

    async fn offer(&self, documents: &[SlotDocument], claiming: Claiming) -> Result<Vec<Verdict>, StoreGone> {
        match &self.admission {
            Admission::Local(claims) => self.claim(claims, documents, claiming).await,
            Admission::Ask(verdicts) => self.ask(verdicts, documents).await,
        }
    }
}

impl StdioStore {
    async fn claim(
        &self,
        claims: &Claims,
        documents: &[SlotDocument],
        claiming: Claiming,
    ) -> Result<Vec<Verdict>, StoreGone> {
        let verdicts: Vec<Verdict> =
            documents.iter().map(|document| claims.claim(document, claiming)).collect();
        let stored = documents.iter().zip(&verdicts).filter(|(_, verdict)| **verdict == Verdict::Stored);
        self.writer.write(stored.map(|(document, _)| SlotLine::of(document))).await?;
        Ok(verdicts)
    }

    async fn ask(&self, verdicts: &Verdicts, documents: &[SlotDocument]) -> Result<Vec<Verdict>, StoreGone> {
        let mut waiting = Vec::with_capacity(documents.len());
        for document in documents {
            waiting.push(verdicts.expect(&document.record_id, document.round)?);
        }
        self.writer.write(documents.iter().map(SlotLine::of)).await?;
        let mut found = Vec::with_capacity(waiting.len());
        for verdict in waiting {
            found.push(verdict.await.map_err(|_| StoreGone)?);
        }
        Ok(found)
    }
}
