//! What all deliveries share.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::gate::{Gate, Place};
use super::held::{Hands, Held};
use super::tasks::Tasks;
use super::topology::Topology;
use super::wire::Publisher;
use crate::pipeline::Delivery;
use crate::shutdown::{Phase, Shutdown};

/// What a delivery is settled with; its place among those in hand goes with it.
pub struct Ticket {
    pub held: Arc<Held>,
    /// None: it is not worked on.
    pub place: Option<Place>,
}

/// The shared parts.
pub struct Post<S> {
    pub topology: Arc<Topology>,
    pub publisher: Publisher,
    pub starts: S,
    pub gate: Gate,
    pub hands: Hands,
    pub tasks: Tasks,
    pub shutdown: Shutdown,
    /// How long a message may wait to be begun.
    pub hold: Duration,
    /// To the loop that works on them.
    pub begun: mpsc::UnboundedSender<Delivery<Ticket>>,
}

impl<S> Post<S> {
    /// Whether nothing is begun any more.
    pub fn is_stopping(&self) -> bool {
        self.shutdown.phase() != Phase::Running
    }
}
