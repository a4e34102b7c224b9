//! The service's edge to RabbitMQ: requests come from a queue, and every delivery is settled there.
//!
//! # Layout
//! - `topology`   the queues and their arguments, from `schemas/queues.toml`
//! - `envelope`   messages as they travel, with our own headers
//! - `wire`       connections and channels; the only module that names lapin
//! - `held`       messages in our hands, which outlive the connection they came over
//! - `gate`       which of them may be worked on at the same time
//! - `intake`     from a delivery to work whose beginning is noted
//! - `settling`   how deliveries end
//! - `post`       what all of them share
//! - `keeper`     consumes, comes back after a loss, answers the census
//! - `source`     all of it as the source of the loop

mod envelope;
mod gate;
mod held;
mod intake;
mod keeper;
mod post;
mod settling;
mod source;
mod tasks;
mod topology;
mod wire;

pub use source::{AmqpSource, Setup};
