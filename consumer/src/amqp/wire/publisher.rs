//! Publishes with confirms: a publish returns when the message is on disk in its queue.

use std::sync::Arc;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::{SETUP_WITHIN, Trouble, Wire, close, convert, declare, within};
use crate::amqp::envelope::Headers;
use crate::amqp::topology::Topology;

/// On disk, as AMQP numbers it.
const PERSISTENT: u8 = 2;

/// It is not known that a message is in its queue; with the reason.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unpublished(String);

impl Unpublished {
    /// It was not sent, for this reason.
    pub fn because(reason: String) -> Self {
        Self(reason)
    }
}

impl From<Trouble> for Unpublished {
    fn from(trouble: Trouble) -> Self {
        Self(trouble.to_string())
    }
}

/// Has a connection of its own, opened when it is needed: a broker that holds publishers back still takes acks.
pub struct Publisher {
    wire: Arc<Wire>,
    topology: Arc<Topology>,
    open: Mutex<Option<Open>>,
}

struct Open {
    connection: Connection,
    channel: Channel,
}

impl Publisher {
    /// Connects at the first publish.
    pub fn new(wire: Arc<Wire>, topology: Arc<Topology>) -> Self {
        Self { wire, topology, open: Mutex::new(None) }
    }

    /// Returns when the broker has the message in the queue of this name, which has its prefix already.
    ///
    /// # Errors
    /// When that is not known.
    pub async fn publish(
        &self,
        queue: &str,
        id: &str,
        headers: &Headers,
        body: &[u8],
    ) -> Result<(), Unpublished> {
        let channel = self.channel().await?;
        let limit = self.wire.settings.confirm_within;
        let confirmed = timeout(limit, send(&channel, queue, id, headers, body)).await;
        let reason = match confirmed {
            Ok(Ok(Confirmation::Ack(None))) => return Ok(()),
            Ok(Ok(Confirmation::Ack(Some(_)))) => format!("there is no queue {queue}"),
            Ok(Ok(_)) => format!("{queue} takes no messages"),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("{queue} did not confirm within {} s", limit.as_secs_f64()),
        };
        self.distrust(&channel).await;
        Err(Unpublished(reason))
    }

    /// Ends the connection.
    pub async fn close(&self) {
        if let Some(open) = self.open.lock().await.take() {
            close(&open.connection).await;
        }
    }

    async fn channel(&self) -> Result<Channel, Trouble> {
        let mut open = self.open.lock().await;
        if let Some(open) = open.as_ref().filter(|open| open.channel.status().connected()) {
            return Ok(open.channel.clone());
        }
        if let Some(lost) = open.take() {
            close(&lost.connection).await;
        }
        let connection = self.wire.connect("copies").await?;
        let opening = async {
            let channel = connection.create_channel().await?;
            channel.confirm_select(ConfirmSelectOptions::default()).await?;
            Ok(channel)
        };
        let channel = within("opening a channel", SETUP_WITHIN, opening).await?;
        declare(&channel, &self.topology).await?;
        *open = Some(Open { connection, channel: channel.clone() });
        Ok(channel)
    }

    /// A queue may be gone: the next publish declares everything again.
    async fn distrust(&self, channel: &Channel) {
        let mut open = self.open.lock().await;
        if open.as_ref().is_some_and(|open| open.channel.id() == channel.id())
            && let Some(distrusted) = open.take()
        {
            close(&distrusted.connection).await;
        }
    }
}

async fn send(
    channel: &Channel,
    queue: &str,
    id: &str,
    headers: &Headers,
    body: &[u8],
) -> lapin::Result<Confirmation> {
    let mut properties =
        BasicProperties::default().with_delivery_mode(PERSISTENT).with_headers(convert::table(headers));
    if !id.is_empty() {
        properties = properties.with_message_id(id.into());
    }
    let options = BasicPublishOptions { mandatory: true, ..Default::default() };
    channel.basic_publish(ShortString::default(), queue.into(), options, body, properties).await?.await
}
