//! Claims contents, so that each is had once in a dataset (design law 7, decision 0005).

use serde::Deserialize;

use super::far::Far;
use super::judging::{Version, Written};
use super::names::Kind;
use super::operation::{Operation, Target};
use super::reads::{Found, Lookup};
use super::registry::Registry;
use crate::contract::{ClaimDocument, JobId, Sha256Hex, SlotDocument, Timestamp, V1};
use crate::ids;
use crate::store::StoreGone;

/// Others who take a claim and give it back between our looking and writing.
const RIVALS: u32 = 20;

/// Whose a content is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    Ours(Version),
    Taken,
    Refused(String),
}

#[derive(Deserialize)]
struct Holder {
    record_id: String,
    job_id: JobId,
}

#[derive(Debug, Deserialize)]
pub struct Slot {
    state: String,
    #[serde(default)]
    content_hash: Option<Sha256Hex>,
}

impl Slot {
    /// The fields to read.
    pub const FIELDS: &'static [&'static str] = &["state", "content_hash"];

    /// Whether it is filled for good, with another content.
    pub fn holds_other(&self, hash: &Sha256Hex) -> bool {
        self.state == "accepted" && self.content_hash.as_ref() != Some(hash)
    }
}

/// A content that is to be claimed for its slot.
pub struct Wanted<'document> {
    document: &'document SlotDocument,
    hash: &'document Sha256Hex,
    id: Sha256Hex,
}

impl<'document> Wanted<'document> {
    /// The claim of `document`, none when it has no content.
    pub fn by(document: &'document SlotDocument) -> Option<Self> {
        let hash = document.content_hash.as_ref()?;
        let id = ids::claim_id(document.tenant.as_str(), document.dataset.as_str(), hash);
        Some(Self { document, hash, id })
    }
}

/// The claims of one installation.
pub struct Claims {
    far: Far,
}

impl Claims {
    /// Claims through `far`.
    pub fn new(far: Far) -> Self {
        Self { far }
    }

    /// Claims each content for its slot; a slot that holds the claim already passes.
    ///
    /// # Errors
    /// When the program is aborted meanwhile.
    pub async fn claim(&self, registry: &Registry, wanted: &[Wanted<'_>]) -> Result<Vec<Claim>, StoreGone> {
        let mut claims: Vec<Option<Claim>> = vec![None; wanted.len()];
        for _ in 0..RIVALS {
            let open: Vec<usize> = (0..claims.len()).filter(|place| claims[*place].is_none()).collect();
            if open.is_empty() {
                break;
            }
            let created = self.create(open.iter().map(|place| &wanted[*place])).await?;
            for (place, written) in open.into_iter().zip(created) {
                claims[place] = match written {
                    Written::Done(version) => Some(Claim::Ours(version)),
                    Written::Refused(reason) => Some(Claim::Refused(reason)),
                    Written::Outrun => self.look(registry, &wanted[place]).await?,
                };
            }
        }
        Ok(claims.into_iter().map(|claim| claim.unwrap_or(Claim::Taken)).collect())
    }

    /// Gives back claims whose slots do not hold the content; a claim that somebody else has by now stays.
    ///
    /// # Errors
    /// When the program is aborted meanwhile.
    pub async fn release(&self, claims: Vec<(Wanted<'_>, Version)>) -> Result<(), StoreGone> {
        let delete =
            |(wanted, version): (Wanted<'_>, _)| Operation::delete(&self.target(&wanted), Some(version));
        let written = self.far.writes.ask(claims.into_iter().map(delete).collect()).await?;
        for reason in written.iter().filter_map(|written| match written {
            Written::Refused(reason) => Some(reason),
            _ => None,
        }) {
            tracing::warn!(reason, "a claim stays behind");
        }
        Ok(())
    }

    async fn create<'wanted>(
        &self,
        wanted: impl Iterator<Item = &'wanted Wanted<'wanted>> + Clone,
    ) -> Result<Vec<Written>, StoreGone> {
        let made: Result<Vec<_>, _> =
            wanted.clone().map(|wanted| self.operation(wanted, Operation::create)).collect();
        match made {
            Ok(operations) => self.far.writes.ask(operations).await,
            Err(reason) => Ok(wanted.map(|_| Written::Refused(reason.clone())).collect()),
        }
    }

    fn operation(
        &self,
        wanted: &Wanted<'_>,
        write: impl FnOnce(&Target, &[u8]) -> Operation,
    ) -> Result<Operation, String> {
        let document = wanted.document;
        let claim = ClaimDocument {
            version: V1,
            tenant: document.tenant.clone(),
            dataset: document.dataset.clone(),
            content_hash: wanted.hash.clone(),
            record_id: document.record_id.clone(),
            job_id: document.job_id.clone(),
            at: Timestamp::now(),
        };
        self.far.operation(Kind::Claims, (document.tenant.as_str(), wanted.id.as_str()), &claim, write)
    }

    /// Whose the claim is that was there before; none: it went meanwhile, claim again.
    async fn look(&self, registry: &Registry, wanted: &Wanted<'_>) -> Result<Option<Claim>, StoreGone> {
        let Some(found) = self.far.read(&self.target(wanted), &[]).await? else { return Ok(None) };
        let Some(holder) = found.read::<Holder>() else { return Ok(Some(Claim::Taken)) };
        if holder.record_id == wanted.document.record_id {
            return Ok(Some(Claim::Ours(found.version)));
        }
        match self.is_stale(registry, wanted, &holder).await? {
            true => self.take_over(wanted, &found).await,
            false => Ok(Some(Claim::Taken)),
        }
    }

    /// Whether the holder died between claim and slot, and its slot was filled with something else since.
    async fn is_stale(
        &self,
        registry: &Registry,
        wanted: &Wanted<'_>,
        holder: &Holder,
    ) -> Result<bool, StoreGone> {
        let document = wanted.document;
        let index = registry.index_of(&document.tenant, &document.dataset, &holder.job_id).await?;
        let Some(index) = index else { return Ok(false) };
        let lookup = Lookup { index: index.to_string(), key: holder.record_id.clone(), fields: Slot::FIELDS };
        let found = self.far.reads.ask(vec![lookup]).await?.pop().flatten();
        let slot = found.and_then(|found| found.read::<Slot>());
        Ok(slot.is_some_and(|slot| slot.holds_other(wanted.hash)))
    }

    async fn take_over(&self, wanted: &Wanted<'_>, found: &Found) -> Result<Option<Claim>, StoreGone> {
        let swap = |target: &Target, body: &[u8]| Operation::swap(target, found.version, body);
        let Ok(operation) = self.operation(wanted, swap) else { return Ok(Some(Claim::Taken)) };
        Ok(match self.far.writes.ask(vec![operation]).await?.pop() {
            Some(Written::Done(version)) => Some(Claim::Ours(version)),
            Some(Written::Refused(reason)) => Some(Claim::Refused(reason)),
            Some(Written::Outrun) | None => None,
        })
    }

    fn target(&self, wanted: &Wanted<'_>) -> Target {
        self.far.target(Kind::Claims, wanted.document.tenant.as_str(), wanted.id.as_str())
    }
}
