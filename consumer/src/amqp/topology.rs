//! The queues as `schemas/queues.toml` declares them, with the arguments that RabbitMQ needs to keep its promises.
//!
//! Whoever comes first declares them, a service in either language: a test holds both to the same names and arguments.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The queue this program serves.
pub const GENERATION: &str = "generation";

const DECLARED: &str = include_str!("../../../schemas/json/queues.json");

/// RabbitMQ 4 gives every queue a limit of 20 and drops what exceeds it; a dead letter has nowhere further to go.
const DEAD_DELIVERY_LIMIT: i64 = 1_000_000;

#[derive(Deserialize)]
struct Declared {
    broker: Broker,
    queues: BTreeMap<String, Queue>,
}

#[derive(Deserialize)]
struct Broker {
    delivery_limit: i64,
    retry_delays_seconds: Vec<u32>,
}

#[derive(Deserialize)]
struct Queue {
    dead_letters: Option<String>,
}

/// The value of a queue's argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Argument {
    Text(String),
    Number(i64),
}

/// One durable queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    pub name: String,
    pub arguments: Vec<(&'static str, Argument)>,
}

/// All queues of one installation; `prefix` stands before every name.
pub struct Topology {
    prefix: String,
    declared: Declared,
}

impl Topology {
    /// The topology of queues.toml.
    ///
    /// # Errors
    /// When what was built in cannot be read.
    pub fn declared(prefix: &str) -> Result<Self, String> {
        let declared = serde_json::from_str(DECLARED).map_err(|error| format!("queues.json: {error}"))?;
        Ok(Self { prefix: prefix.to_owned(), declared })
    }

    /// The exchange that asks all consumers what they hold.
    pub fn census(&self) -> String {
        format!("{}synthmill.census", self.prefix)
    }

    /// The queue's name at the broker.
    pub fn name(&self, queue: &str) -> String {
        format!("{}{queue}", self.prefix)
    }

    /// Where what cannot be handled goes.
    pub fn dead(&self, queue: &str) -> String {
        let declared = self.declared.queues.get(queue).and_then(|queue| queue.dead_letters.clone());
        self.name(&declared.unwrap_or_else(|| format!("{queue}.dead")))
    }

    /// Where a message waits to come back to `queue`: the shortest wait that is long enough, else the longest.
    pub fn waiting(&self, queue: &str, seconds: u32) -> String {
        let delays = &self.declared.broker.retry_delays_seconds;
        match delays.iter().find(|delay| **delay >= seconds).or(delays.last()) {
            Some(delay) => self.retry(queue, *delay),
            None => self.name(queue),
        }
    }

    /// Every queue, dead ones before those that need them.
    pub fn declarations(&self) -> Vec<Declaration> {
        let mut queues: Vec<_> = self.declared.queues.iter().collect();
        queues.sort_by_key(|(_, queue)| queue.dead_letters.is_some());
        let mut all = Vec::new();
        for (name, queue) in queues {
            all.push(self.main(name, queue));
            for delay in &self.declared.broker.retry_delays_seconds {
                let mut arguments = vec![("x-message-ttl", Argument::Number(i64::from(*delay) * 1000))];
                arguments.extend(dead_lettered(self.name(name)));
                all.push(Declaration { name: self.retry(name, *delay), arguments });
            }
        }
        all
    }

    fn main(&self, name: &str, queue: &Queue) -> Declaration {
        let limit = |limit| ("x-delivery-limit", Argument::Number(limit));
        let arguments = match &queue.dead_letters {
            None => vec![quorum(), limit(DEAD_DELIVERY_LIMIT)],
            Some(dead) => {
                let mut arguments = vec![limit(self.declared.broker.delivery_limit)];
                arguments.extend(dead_lettered(self.name(dead)));
                arguments
            }
        };
        Declaration { name: self.name(name), arguments }
    }

    fn retry(&self, queue: &str, seconds: u32) -> String {
        format!("{}.retry.{seconds}", self.name(queue))
    }
}

fn quorum() -> (&'static str, Argument) {
    ("x-queue-type", Argument::Text("quorum".to_owned()))
}

/// A quorum queue that moves what expires or exceeds its limit at least once: RabbitMQ needs all of these for it.
fn dead_lettered(to: String) -> [(&'static str, Argument); 5] {
    [
        quorum(),
        ("x-dead-letter-exchange", Argument::Text(String::new())),
        ("x-dead-letter-routing-key", Argument::Text(to)),
        ("x-dead-letter-strategy", Argument::Text("at-least-once".to_owned())),
        ("x-overflow", Argument::Text("reject-publish".to_owned())),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dead_queues_stand_before_those_that_need_them() {
        let topology = Topology::declared("t.").unwrap();
        let names: Vec<String> = topology.declarations().into_iter().map(|queue| queue.name).collect();
        let place = |name: &str| names.iter().position(|found| found == name).unwrap();
        assert!(place("t.generation.dead") < place("t.generation"));
        assert_eq!(topology.dead(GENERATION), "t.generation.dead");
        assert_eq!(topology.census(), "t.synthmill.census");
    }

    #[test]
    fn a_message_waits_long_enough_or_as_long_as_can_be() {
        let topology = Topology::declared("").unwrap();
        assert_eq!(topology.waiting(GENERATION, 2), "generation.retry.5");
        assert_eq!(topology.waiting(GENERATION, 5), "generation.retry.5");
        assert_eq!(topology.waiting(GENERATION, 100_000), "generation.retry.600");
    }
}
