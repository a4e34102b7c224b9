//! One channel that consumes, while it lasts. Deliveries belong to it: when it is lost the broker takes them back.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicPublishOptions,
    BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, Consumer};
use tokio::time::timeout;

use super::{SETUP_WITHIN, Trouble, Wire, close, convert, declare, within};
use crate::amqp::envelope::Headers;
use crate::amqp::topology::Topology;

const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// A message in our hands.
pub struct Delivered {
    /// Names it on its line.
    pub tag: u64,
    /// Somebody had it before and did not settle it.
    pub redelivered: bool,
    pub id: String,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// Somebody asks how many messages of a queue we hold.
pub struct Question {
    pub queue: Vec<u8>,
    reply_to: ShortString,
    correlation_id: Option<ShortString>,
}

/// What came over a line.
pub enum Came {
    Delivery(Delivered),
    Question(Question),
    /// Nothing more comes; with the reason.
    End(String),
}

/// A consuming channel.
pub struct Line {
    connection: Connection,
    channel: Channel,
    deliveries: Consumer,
    questions: Consumer,
    over: bool,
}

impl Line {
    /// Declares everything and begins to consume `queue`, with at most `prefetch` deliveries unsettled.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn open(wire: &Wire, topology: &Topology, queue: &str, prefetch: u16) -> Result<Self, Trouble> {
        let connection = wire.connect("deliveries").await?;
        let name = topology.name(queue);
        let channel = within("opening a channel", SETUP_WITHIN, connection.create_channel()).await?;
        declare(&channel, topology).await?;
        let opening = async {
            channel.basic_qos(prefetch, BasicQosOptions::default()).await?;
            let questions = listen(&channel, &topology.census()).await?;
            let options = BasicConsumeOptions::default();
            let tag = ShortString::default();
            let deliveries =
                channel.basic_consume(name.as_str().into(), tag, options, FieldTable::default()).await?;
            Ok((deliveries, questions))
        };
        let (deliveries, questions) = within(&format!("consuming {name}"), SETUP_WITHIN, opening).await?;
        Ok(Self { connection, channel, deliveries, questions, over: false })
    }

    /// What settles the line's deliveries.
    pub fn hand(&self) -> Hand {
        Hand(self.channel.clone())
    }

    /// What comes next; a question only after every delivery that came before it.
    pub async fn next(&mut self) -> Came {
        poll_fn(|context| self.poll(context)).await
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Came> {
        if self.over {
            return self.poll_questions(context);
        }
        match Pin::new(&mut self.deliveries).poll_next(context) {
            Poll::Ready(Some(Ok(delivery))) => Poll::Ready(Came::Delivery(delivered(delivery))),
            Poll::Ready(Some(Err(error))) => Poll::Ready(Came::End(error.to_string())),
            Poll::Ready(None) => Poll::Ready(Came::End("the queue is no longer there to consume".to_owned())),
            Poll::Pending => self.poll_questions(context),
        }
    }

    fn poll_questions(&mut self, context: &mut Context<'_>) -> Poll<Came> {
        match Pin::new(&mut self.questions).poll_next(context) {
            Poll::Ready(Some(Ok(delivery))) => match question(delivery) {
                Some(question) => Poll::Ready(Came::Question(question)),
                None => {
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
            },
            Poll::Ready(Some(Err(error))) => Poll::Ready(Came::End(error.to_string())),
            Poll::Ready(None) => Poll::Ready(Came::End("the channel is closed".to_owned())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// A delivery that is there already, without waiting for one.
    pub fn ready(&mut self) -> Option<Delivered> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        match Pin::new(&mut self.deliveries).poll_next(&mut context) {
            Poll::Ready(Some(Ok(delivery))) => Some(delivered(delivery)),
            _ => None,
        }
    }

    /// No further deliveries; those that came before the answer are returned. Questions still come.
    pub async fn stop(&mut self) -> Vec<Delivered> {
        let tag = self.deliveries.tag();
        let _ = timeout(ANSWER_WITHIN, self.channel.basic_cancel(tag, BasicCancelOptions::default())).await;
        self.over = true;
        std::iter::from_fn(|| self.ready()).collect()
    }

    /// Whatever is unsettled goes back to the queue.
    pub async fn close(self) {
        close(&self.connection).await;
    }
}

/// Settles deliveries of one line, and answers questions over it. With a lost line nothing happens.
#[derive(Clone)]
pub struct Hand(Channel);

impl Hand {
    /// Whether the line is still there.
    pub fn is_there(&self) -> bool {
        self.0.status().connected()
    }

    /// The delivery is done with; false when the broker took it back.
    pub async fn ack(&self, tag: u64) -> bool {
        self.0.basic_ack(tag, BasicAckOptions::default()).await.is_ok()
    }

    /// The delivery goes back to the head of its queue.
    pub async fn put_back(&self, tag: u64) {
        // with a lost line it has gone back already
        let _ = self.0.basic_nack(tag, BasicNackOptions { requeue: true, multiple: false }).await;
    }

    /// Answers how many messages are held.
    pub async fn answer(&self, question: Question, held: usize) {
        let mut properties = BasicProperties::default();
        if let Some(id) = question.correlation_id {
            properties = properties.with_correlation_id(id);
        }
        let text = held.to_string();
        let options = BasicPublishOptions::default();
        // who asked counts us as holding one when no answer comes
        let _ = self
            .0
            .basic_publish(ShortString::default(), question.reply_to, options, text.as_bytes(), properties)
            .await;
    }
}

/// A queue of this channel's own, which hears every question.
async fn listen(channel: &Channel, exchange: &str) -> lapin::Result<Consumer> {
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    let queue = channel.queue_declare(ShortString::default(), options, FieldTable::default()).await?;
    let name = queue.name().clone();
    let routing = ShortString::default();
    channel
        .queue_bind(
            name.clone(),
            exchange.into(),
            routing,
            QueueBindOptions::default(),
            FieldTable::default(),
        )
        .await?;
    let options = BasicConsumeOptions { no_ack: true, ..Default::default() };
    channel.basic_consume(name, ShortString::default(), options, FieldTable::default()).await
}

fn delivered(delivery: Delivery) -> Delivered {
    let id = delivery.properties.message_id().as_ref().map(ToString::to_string).unwrap_or_default();
    Delivered {
        tag: delivery.delivery_tag,
        redelivered: delivery.redelivered,
        id,
        headers: convert::headers(delivery.properties.headers().as_ref()),
        body: delivery.data,
    }
}

fn question(delivery: Delivery) -> Option<Question> {
    let reply_to = delivery.properties.reply_to().clone()?;
    let correlation_id = delivery.properties.correlation_id().clone();
    Some(Question { queue: delivery.data, reply_to, correlation_id })
}
