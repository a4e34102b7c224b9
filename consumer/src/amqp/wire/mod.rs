//! Connections to RabbitMQ; nothing outside names lapin. A connection that is lost is not mended but opened anew.

mod convert;
mod line;
mod publisher;
mod transport;

use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};
use lapin::types::FieldTable;
use lapin::uri::AMQPUri;
use lapin::{Channel, Connection, ConnectionProperties, Error, ErrorKind, ExchangeKind};
use tokio::time::timeout;

pub use line::{Came, Delivered, Hand, Line, Question};
pub use publisher::{Publisher, Unpublished};

use super::topology::Topology;
use crate::config::RabbitSettings;
use crate::text;

/// For each step of setting something up.
const SETUP_WITHIN: Duration = Duration::from_secs(10);
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Why something could not be set up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The settings are wrong: waiting does not mend it.
    #[error("{0}")]
    Refused(String),
    /// The broker cannot be reached or does not answer.
    #[error("{0}")]
    Away(String),
}

/// Opens connections of one installation.
pub struct Wire {
    settings: RabbitSettings,
    uri: AMQPUri,
    tls: Option<transport::Tls>,
}

impl Wire {
    /// Reads the address and the certificates.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn new(settings: RabbitSettings) -> Result<Self, String> {
        let shown = text::without_user(settings.url.reveal());
        let wrong = |error: String| format!("SYNTHMILL_RABBITMQ__URL is {shown:?}: {error}");
        let mut uri: AMQPUri = settings.url.reveal().parse().map_err(wrong)?;
        if uri.vhost.is_empty() {
            uri.vhost = "/".to_owned(); // as other clients read a path of one slash
        }
        uri.query.heartbeat = u16::try_from(settings.heartbeat.as_secs()).ok();
        let tls = transport::Tls::of(&uri, settings.ca_file.as_deref())?;
        Ok(Self { settings, uri, tls })
    }

    async fn connect(&self, name: &str) -> Result<Connection, Trouble> {
        let properties = ConnectionProperties::default()
            .with_connection_name(format!("synthmill consumer {name}").into_bytes().into());
        let opening = transport::open(self.uri.clone(), self.tls.clone(), properties);
        within("connecting to the broker", SETUP_WITHIN, opening).await
    }
}

/// Declares everything; doing it again changes nothing.
async fn declare(channel: &Channel, topology: &Topology) -> Result<(), Trouble> {
    within("declaring the queues", SETUP_WITHIN, async {
        for queue in topology.declarations() {
            let options = QueueDeclareOptions { durable: true, ..Default::default() };
            channel.queue_declare(queue.name.into(), options, convert::arguments(queue.arguments)).await?;
        }
        let options = ExchangeDeclareOptions { durable: true, ..Default::default() };
        let exchange = topology.census().into();
        channel.exchange_declare(exchange, ExchangeKind::Fanout, options, FieldTable::default()).await
    })
    .await
}

/// Closes it; one that is gone already, or does not answer any more, is closed enough.
async fn close(connection: &Connection) {
    let _ = timeout(CLOSE_WITHIN, connection.close(200, "OK".into())).await;
}

async fn within<T>(
    what: &str,
    limit: Duration,
    step: impl Future<Output = lapin::Result<T>>,
) -> Result<T, Trouble> {
    match timeout(limit, step).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(trouble(what, &error)),
        Err(_) => Err(Trouble::Away(format!("{what}: no answer for {} s", limit.as_secs_f64()))),
    }
}

fn trouble(what: &str, error: &Error) -> Trouble {
    let ErrorKind::ProtocolError(told) = error.kind() else {
        return Trouble::Away(format!("{what}: {error}"));
    };
    match told.kind() {
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => Trouble::Refused(format!(
            "{what}: the broker refuses the user, check SYNTHMILL_RABBITMQ__URL: {error}"
        )),
        AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED) => Trouble::Refused(format!(
            "{what}: a queue exists with other arguments, set another prefix: {error}"
        )),
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => Trouble::Refused(format!(
            "{what}: the virtual host is not there or not ours, check SYNTHMILL_RABBITMQ__URL: {error}"
        )),
        _ => Trouble::Away(format!("{what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Address;

    fn wire(url: &str) -> Result<Wire, String> {
        Wire::new(RabbitSettings {
            url: Address::new(url.to_owned()),
            ca_file: None,
            prefix: String::new(),
            heartbeat: Duration::from_secs(7),
            confirm_within: Duration::from_secs(1),
        })
    }

    #[test]
    fn a_bare_slash_is_the_virtual_host_slash() {
        assert_eq!(wire("amqp://u:p@h").unwrap().uri.vhost, "/");
        assert_eq!(wire("amqp://u:p@h/").unwrap().uri.vhost, "/");
        assert_eq!(wire("amqp://u:p@h/v%2Fw").unwrap().uri.vhost, "v/w");
        assert_eq!(wire("amqp://u:p@h/?heartbeat=99").unwrap().uri.query.heartbeat, Some(7));
    }

    #[test]
    fn a_wrong_address_is_told_without_its_password() {
        let Err(error) = wire("amqp://u:secret@h:port/") else { panic!("it is no address") };
        assert!(error.contains("SYNTHMILL_RABBITMQ__URL") && !error.contains("secret"), "{error}");
    }
}
