//! A source or a store that counts what passes through it, and changes nothing.

use crate::contract::{GenerationRequest, SlotDocument};
use crate::pipeline::{Delivery, Outcome, Source};
use crate::store::{Claiming, Fact, Store, StoreGone, Unread, Verdict};

use super::Metrics;

/// A far end and the metrics that it feeds.
pub struct Counted<T> {
    inner: T,
    metrics: Metrics,
}

impl<T> Counted<T> {
    /// `inner`, counted.
    pub fn new(inner: T, metrics: Metrics) -> Self {
        Self { inner, metrics }
    }
}

impl<D: Source + Sync> Source for Counted<D> {
    type Ticket = D::Ticket;

    async fn next(&mut self) -> Option<Delivery<Self::Ticket>> {
        let delivery = self.inner.next().await?;
        self.metrics.taken();
        Some(delivery)
    }

    async fn settle(&self, ticket: Self::Ticket, outcome: Outcome) {
        self.metrics.settled(&outcome);
        self.inner.settle(ticket, outcome).await;
    }

    async fn leave(self) {
        self.inner.leave().await;
    }
}

impl<S: Store> Store for Counted<S> {
    async fn note(&self, facts: Vec<Fact>) -> Result<(), StoreGone> {
        facts.iter().for_each(|fact| self.metrics.noted(fact));
        self.inner.note(facts).await
    }

    async fn written(&self) -> Result<(), StoreGone> {
        self.inner.written().await
    }

    async fn closed(&self, request: &GenerationRequest, record_ids: &[String]) -> Result<Vec<bool>, Unread> {
        self.inner.closed(request, record_ids).await
    }

    async fn offer(&self, documents: &[SlotDocument], claiming: Claiming) -> Result<Vec<Verdict>, StoreGone> {
        let verdicts = self.inner.offer(documents, claiming).await?;
        verdicts.iter().for_each(|verdict| self.metrics.judged(verdict));
        Ok(verdicts)
    }
}
