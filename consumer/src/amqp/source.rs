//! The queue as a source of requests.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::gate::Gate;
use super::held::Hands;
use super::keeper::Keeper;
use super::post::{Post, Ticket};
use super::settling::settle;
use super::tasks::Tasks;
use super::topology::Topology;
use super::wire::{Publisher, Wire};
use crate::config::RabbitSettings;
use crate::desk::Halt;
use crate::health::Health;
use crate::monitoring::Metrics;
use crate::pipeline::{Delivery, Outcome, Source};
use crate::shutdown::Shutdown;
use crate::starts::Starts;

/// For copies and acks that are still on their way when all work has ended.
const LEAVE_WITHIN: Duration = Duration::from_secs(3);

/// What a source is made of.
pub struct Setup<S> {
    pub settings: RabbitSettings,
    /// Deliveries that may be unsettled.
    pub prefetch: u16,
    /// How long one of them may wait to be begun.
    pub hold: Duration,
    pub starts: S,
    pub health: Health,
    pub metrics: Metrics,
    pub shutdown: Shutdown,
}

/// The queue `generation` as a source.
pub struct AmqpSource<S> {
    received: mpsc::UnboundedReceiver<Delivery<Ticket>>,
    post: Arc<Post<S>>,
    left: Arc<Notify>,
    /// None when the program was told to stop before the broker was there.
    keeper: Option<JoinHandle<()>>,
}

impl<S: Starts> AmqpSource<S> {
    /// Waits for the broker, declares everything and begins to consume.
    ///
    /// # Errors
    /// Settings that are wrong, or that the broker refuses.
    pub async fn start(setup: Setup<S>) -> Result<Self, String> {
        let topology = Arc::new(Topology::declared(&setup.settings.prefix)?);
        let wire = Arc::new(Wire::new(setup.settings)?);
        let (begun, received) = mpsc::unbounded_channel();
        let post = Arc::new(Post {
            publisher: Publisher::new(Arc::clone(&wire), Arc::clone(&topology)),
            topology,
            starts: setup.starts,
            gate: Gate::new(usize::from(setup.prefetch)),
            hands: Hands::default(),
            tasks: Tasks::default(),
            shutdown: setup.shutdown,
            hold: setup.hold,
            begun,
        });
        let left = Arc::new(Notify::new());
        let keeper = Keeper {
            post: Arc::clone(&post),
            wire,
            health: setup.health,
            metrics: setup.metrics,
            prefetch: setup.prefetch,
            left: Arc::clone(&left),
        };
        let line = keeper.first().await?;
        let keeper = line.map(|line| tokio::spawn(keeper.keep(line)));
        Ok(Self { received, post, left, keeper })
    }

    async fn give_back_the_rest(&mut self) {
        self.received.close();
        while let Some(Delivery { ticket, .. }) = self.received.recv().await {
            self.settle(ticket, Outcome::Halted(Halt::Stopped)).await;
        }
        self.post.tasks.ended().await;
    }
}

impl<S: Starts> Source for AmqpSource<S> {
    type Ticket = Ticket;

    async fn next(&mut self) -> Option<Delivery<Ticket>> {
        self.received.recv().await
    }

    async fn settle(&self, ticket: Ticket, outcome: Outcome) {
        let Ticket { held, place } = ticket;
        drop(place);
        let post = Arc::clone(&self.post);
        self.post.tasks.spawn(async move { settle(&post, &held, outcome).await });
    }

    async fn leave(mut self) {
        let Some(keeper) = self.keeper.take() else { return };
        let left = timeout(LEAVE_WITHIN, async {
            self.give_back_the_rest().await;
            self.left.notify_one();
            // what is unsettled goes back with the connection, however its keeper ends
            let _ = keeper.await;
            self.post.publisher.close().await;
        });
        if left.await.is_err() {
            tracing::warn!("the broker did not take everything back in time: it will find out by itself");
        }
    }
}
