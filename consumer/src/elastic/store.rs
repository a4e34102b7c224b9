//! The record store: facts and records go out in bulks, offered records come back with their verdicts.

use std::sync::Arc;

use super::claims::{Claim, Claims, Slot, Wanted};
use super::far::Far;
use super::judging::{Version, Written};
use super::ledger;
use super::noted::Noted;
use super::operation::Operation;
use super::reads::Lookup;
use super::registry::Registry;
use crate::contract::{GenerationRequest, SlotDocument, SlotState};
use crate::shutdown::Shutdown;
use crate::store::{Claiming, Fact, Store, StoreGone, Unread, Verdict};

/// The store of one installation; clones share it.
#[derive(Clone)]
pub struct ElasticStore(Arc<Inner>);

struct Inner {
    far: Far,
    registry: Registry,
    claims: Claims,
    noted: Noted,
    shutdown: Shutdown,
}

#[derive(serde::Deserialize)]
struct State {
    state: SlotState,
}

/// A record that holds its claim and waits to be written.
#[derive(Clone, Copy)]
struct Ready<'document> {
    place: usize,
    document: &'document SlotDocument,
    claim: Option<Version>,
}

impl ElasticStore {
    /// Reads and writes through `far`.
    pub fn new(far: Far, shutdown: Shutdown) -> Self {
        let (registry, claims) = (Registry::new(far.clone()), Claims::new(far.clone()));
        Self(Arc::new(Inner { far, registry, claims, noted: Noted::default(), shutdown }))
    }
}

impl Store for ElasticStore {
    async fn note(&self, facts: Vec<Fact>) -> Result<(), StoreGone> {
        if facts.is_empty() {
            return Ok(());
        }
        // before the first wait: a request that notes and then asks `written` finds it
        let note = self.0.noted.begin();
        let (operations, unfit) = self.0.operations(facts).await?;
        let (facts, operations): (Vec<Fact>, Vec<Operation>) = operations.into_iter().unzip();
        let ticket = self.0.far.writes.put(operations).await?;
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            let noted = async {
                let written = ticket.answers().await?;
                inner.replace_refused(facts.into_iter().zip(written), unfit).await
            };
            if noted.await.is_ok() {
                note.done();
            }
        });
        Ok(())
    }

    async fn written(&self) -> Result<(), StoreGone> {
        tokio::select! {
            biased;
            () = self.0.shutdown.aborted() => Err(StoreGone),
            () = self.0.noted.written() => Ok(()),
        }
    }

    async fn closed(&self, request: &GenerationRequest, record_ids: &[String]) -> Result<Vec<bool>, Unread> {
        let index = self.0.registry.index_of(&request.tenant, &request.dataset, &request.job_id).await?;
        let Some(index) = index else {
            return Err(Unread::NoPlace(ledger::no_index(request.dataset.as_str(), &request.job_id)));
        };
        let lookup = |id: &String| Lookup { index: index.to_string(), key: id.clone(), fields: &["state"] };
        let found = self.0.far.reads.ask(record_ids.iter().map(lookup).collect()).await?;
        let states = found.into_iter().map(|found| found.and_then(|found| found.read::<State>()));
        Ok(states.map(|slot| slot.is_some_and(|slot| slot.state != SlotState::Exhausted)).collect())
    }

    async fn offer(&self, documents: &[SlotDocument], claiming: Claiming) -> Result<Vec<Verdict>, StoreGone> {
        let mut verdicts: Vec<Option<Verdict>> = vec![None; documents.len()];
        let ready = self.0.claim(documents, claiming, &mut verdicts).await?;
        self.0.fill(ready, &mut verdicts).await?;
        let unjudged = || Verdict::Refused("the store gave no verdict".to_owned());
        Ok(verdicts.into_iter().map(|verdict| verdict.unwrap_or_else(unjudged)).collect())
    }
}

impl Inner {
    /// Facts with their operations, and those that can never be stored with the reason.
    async fn operations(
        &self,
        facts: Vec<Fact>,
    ) -> Result<(Vec<(Fact, Operation)>, Vec<(Fact, String)>), StoreGone> {
        let (mut fit, mut unfit) = (Vec::with_capacity(facts.len()), Vec::new());
        for fact in facts {
            let slots = match &fact {
                Fact::Failed(slot) => self.index_for(slot).await?,
                _ => None,
            };
            match ledger::operation(&self.far, slots.as_deref(), &fact) {
                Ok(operation) => fit.push((fact, operation)),
                Err(reason) => unfit.push((fact, reason)),
            }
        }
        Ok((fit, unfit))
    }

    async fn index_for(&self, slot: &SlotDocument) -> Result<Option<Arc<str>>, StoreGone> {
        self.registry.index_of(&slot.tenant, &slot.dataset, &slot.job_id).await
    }

    /// Writes something in place of each refused fact; a substitute that is refused too is only logged.
    async fn replace_refused(
        &self,
        written: impl Iterator<Item = (Fact, Written)>,
        unfit: Vec<(Fact, String)>,
    ) -> Result<(), StoreGone> {
        let refused = written.filter_map(|(fact, written)| match written {
            Written::Refused(reason) => Some((fact, reason)),
            Written::Done(_) | Written::Outrun => None,
        });
        let refused: Vec<(Fact, String)> = refused.chain(unfit).collect();
        if refused.is_empty() {
            return Ok(());
        }
        let substitutes = refused.iter().flat_map(|(fact, reason)| {
            let id = ledger::id_of(fact);
            tracing::error!(id, reason, "the record store refuses a fact");
            ledger::substitutes(fact, reason)
        });
        let (operations, unfit) = self.operations(substitutes.collect()).await?;
        let (facts, operations): (Vec<Fact>, Vec<Operation>) = operations.into_iter().unzip();
        let written = self.far.writes.ask(operations).await?;
        let lost = facts.iter().zip(&written).filter(|(_, written)| matches!(written, Written::Refused(_)));
        for fact in lost.map(|(fact, _)| fact).chain(unfit.iter().map(|(fact, _)| fact)) {
            tracing::error!(id = ledger::id_of(fact), ?fact, "a fact is lost: its substitute is refused too");
        }
        Ok(())
    }

    /// Those that may be written, each with its claim; the verdicts of the others.
    async fn claim<'document>(
        &self,
        documents: &'document [SlotDocument],
        claiming: Claiming,
        verdicts: &mut [Option<Verdict>],
    ) -> Result<Vec<Ready<'document>>, StoreGone> {
        let (mut ready, mut places, mut wanted) = (Vec::with_capacity(documents.len()), vec![], vec![]);
        for (place, document) in documents.iter().enumerate() {
            match Wanted::by(document).filter(|_| claiming == Claiming::Once) {
                None => ready.push(Ready { place, document, claim: None }),
                Some(want) => {
                    places.push(place);
                    wanted.push(want);
                }
            }
        }
        let claims = self.claims.claim(&self.registry, &wanted).await?;
        for (place, claim) in places.into_iter().zip(claims) {
            match claim {
                Claim::Ours(version) => {
                    ready.push(Ready { place, document: &documents[place], claim: Some(version) });
                }
                Claim::Taken => verdicts[place] = Some(Verdict::Duplicate),
                Claim::Refused(reason) => verdicts[place] = Some(Verdict::Refused(reason)),
            }
        }
        Ok(ready)
    }

    /// Writes the slots; claims of those that do not hold their content are given back.
    async fn fill(&self, ready: Vec<Ready<'_>>, verdicts: &mut [Option<Verdict>]) -> Result<(), StoreGone> {
        let mut unheld = Vec::new();
        let (mut sent, mut operations) = (Vec::with_capacity(ready.len()), Vec::with_capacity(ready.len()));
        for one in ready {
            match self.slot_operation(one.document).await? {
                Ok(operation) => {
                    operations.push(operation);
                    sent.push(one);
                }
                Err(reason) => {
                    verdicts[one.place] = Some(Verdict::Refused(reason));
                    unheld.push(one);
                }
            }
        }
        let written = self.far.writes.ask(operations).await?;
        let mut outrun = Vec::new();
        for (one, written) in sent.into_iter().zip(written) {
            verdicts[one.place] = Some(match written {
                Written::Done(_) => Verdict::Stored,
                Written::Outrun => {
                    outrun.push(one);
                    Verdict::Already
                }
                Written::Refused(reason) => {
                    unheld.push(one);
                    Verdict::Refused(reason)
                }
            });
        }
        unheld.extend(self.filled_with_other(outrun).await?);
        let claims = unheld.iter().filter_map(|one| Some((Wanted::by(one.document)?, one.claim?)));
        self.claims.release(claims.collect()).await
    }

    async fn slot_operation(&self, slot: &SlotDocument) -> Result<Result<Operation, String>, StoreGone> {
        Ok(match self.index_for(slot).await? {
            Some(index) => ledger::slot_operation(&index, slot),
            None => Err(ledger::no_index(slot.dataset.as_str(), &slot.job_id)),
        })
    }

    /// Those whose slots hold another content: not the same one, written a moment ago without our hearing of it.
    async fn filled_with_other<'document>(
        &self,
        outrun: Vec<Ready<'document>>,
    ) -> Result<Vec<Ready<'document>>, StoreGone> {
        let (mut claimed, mut lookups) = (Vec::new(), Vec::new());
        for one in outrun.into_iter().filter(|one| one.claim.is_some()) {
            let Some(index) = self.index_for(one.document).await? else { continue };
            let key = one.document.record_id.clone();
            lookups.push(Lookup { index: index.to_string(), key, fields: Slot::FIELDS });
            claimed.push(one);
        }
        let found = self.far.reads.ask(lookups).await?;
        let other = claimed.into_iter().zip(found).filter(|(one, found)| {
            let slot = found.as_ref().and_then(|found| found.read::<Slot>());
            let hash = one.document.content_hash.as_ref();
            slot.zip(hash).is_some_and(|(slot, hash)| slot.holds_other(hash))
        });
        Ok(other.map(|(one, _)| one).collect())
    }
}
