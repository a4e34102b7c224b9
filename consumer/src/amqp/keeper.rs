//! Keeps a line open: takes what comes over it, comes back after a loss, and answers the census.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use super::held::{Taken, Unsettled};
use super::intake;
use super::post::Post;
use super::topology::GENERATION;
use super::wire::{Came, Delivered, Line, Question, Trouble, Wire};
use crate::health::{Health, Part};
use crate::monitoring::Metrics;
use crate::starts::Starts;

const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Between attempts to reach a broker that is gone: they cost next to nothing, and its return is soon noticed.
const LAST_WAIT: Duration = Duration::from_secs(10);

/// Opens lines and serves them.
pub struct Keeper<S> {
    pub post: Arc<Post<S>>,
    pub wire: Arc<Wire>,
    pub health: Health,
    pub metrics: Metrics,
    pub prefetch: u16,
    /// Everything is settled.
    pub left: Arc<Notify>,
}

/// How the service of a line ended.
enum Served {
    Lost,
    Left,
}

impl<S: Starts> Keeper<S> {
    /// Serves the first line and those that follow it, until everything is settled.
    pub async fn keep(self, first: Line) {
        let mut line = Some(first);
        while let Some(open) = line {
            self.health.ready(Part::Broker);
            line = match self.serve(open).await {
                Served::Left => None,
                Served::Lost => {
                    self.clear();
                    self.come_back().await
                }
            };
        }
    }

    /// A new line; none when the program ends before there is one.
    ///
    /// # Errors
    /// What the broker refuses, which is asked for again later only if a line was there before.
    pub async fn first(&self) -> Result<Option<Line>, String> {
        let (mut bound, mut told) = (FIRST_WAIT, String::new());
        loop {
            match self.open().await {
                Ok(line) => return Ok(Some(line)),
                Err(Trouble::Refused(reason)) => return Err(reason),
                Err(Trouble::Away(reason)) => self.tell(reason, &mut told),
            }
            if !self.pause(&mut bound).await {
                return Ok(None);
            }
        }
    }

    async fn come_back(&self) -> Option<Line> {
        let (mut bound, mut told) = (FIRST_WAIT, String::new());
        while self.pause(&mut bound).await {
            match self.open().await {
                Ok(line) => {
                    self.metrics.reconnected(Part::Broker);
                    return Some(line);
                }
                // whatever it is, somebody may mend it while we wait
                Err(Trouble::Refused(reason) | Trouble::Away(reason)) => self.tell(reason, &mut told),
            }
        }
        None
    }

    /// Others get what we have begun. It killed nobody so far, so they need not take it for suspect.
    fn clear(&self) {
        for held in self.post.hands.first_begun() {
            let post = Arc::clone(&self.post);
            self.post.tasks.spawn(async move { post.starts.forget(&held.copy).await });
        }
    }

    /// Says why there is no line, each time that it is another reason.
    fn tell(&self, reason: String, told: &mut String) {
        self.health.missing(Part::Broker, &reason);
        if *told != reason {
            tracing::warn!(reason, "no connection to the broker yet");
            *told = reason;
        }
    }

    async fn open(&self) -> Result<Line, Trouble> {
        Line::open(&self.wire, &self.post.topology, GENERATION, self.prefetch).await
    }

    /// Waits with jitter, longer each time; false when the program ends meanwhile.
    async fn pause(&self, bound: &mut Duration) -> bool {
        let wait = bound.mul_f64(0.5 + 0.5 * fastrand::f64());
        *bound = (*bound * 2).min(LAST_WAIT);
        tokio::select! {
            biased;
            () = self.post.shutdown.draining() => false,
            () = sleep(wait) => true,
        }
    }

    async fn serve(&self, mut line: Line) -> Served {
        let unsettled = Unsettled::default();
        let mut draining = pin!(self.post.shutdown.draining());
        let mut stopped = false;
        loop {
            let came = tokio::select! {
                biased;
                () = self.left.notified() => {
                    line.close().await;
                    return Served::Left;
                }
                () = &mut draining, if !stopped => {
                    stopped = true;
                    self.health.missing(Part::Broker, "stopping");
                    for delivered in line.stop().await {
                        self.take(&line, &unsettled, delivered);
                    }
                    continue;
                }
                came = line.next() => came,
            };
            match came {
                Came::Delivery(delivered) => self.take(&line, &unsettled, delivered),
                Came::Question(question) => self.answer(&mut line, &unsettled, question).await,
                Came::End(reason) => {
                    self.health
                        .missing(Part::Broker, format!("the broker took back what was delivered: {reason}"));
                    line.close().await;
                    return Served::Lost;
                }
            }
        }
    }

    fn take(&self, line: &Line, unsettled: &Unsettled, delivered: Delivered) {
        let queue = self.post.topology.name(GENERATION);
        match self.post.hands.take(delivered, &queue, line.hand(), Arc::clone(unsettled)) {
            Taken::New(held) => self.post.tasks.spawn(intake::take(Arc::clone(&self.post), held)),
            Taken::Again(held) => {
                tracing::debug!(message_id = held.message.id, "came again while it was in our hands");
            }
        }
    }

    /// Counts what came before the question, which another thread may have put beside it just now.
    async fn answer(&self, line: &mut Line, unsettled: &Unsettled, question: Question) {
        while let Some(delivered) = line.ready() {
            self.take(line, unsettled, delivered);
        }
        if question.queue == self.post.topology.name(GENERATION).as_bytes() {
            line.hand().answer(question, unsettled.load(Ordering::Relaxed)).await;
        }
    }
}
