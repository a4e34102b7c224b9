//! Turns generation requests into validated records by calling any OpenAI-compatible model.
//!
//! # Layout
//! - `app`        builds the program, of lines or as a service, and runs it until it is told to stop
//! - `health`     whether the far ends can be worked with; `monitoring` shows it, and what is counted, over HTTP
//! - `config`     settings from the command line and `SYNTHMILL_…` variables; `telemetry`, `shutdown`
//! - `contract`   the messages and documents of `schemas/`; `ids` how ids and hashes are made
//! - `pipeline`   one delivery from request to settlement; `desk` what all deliveries share
//! - `plan`       a request's declaration, compiled once; `template` the template engine
//! - `ladder`     asks a model in ever simpler forms, keeps what is valid, asks again for the rest
//! - `compute`    requests that need no model
//! - `repair`, `coerce`, `cast`, `validate`   from an answer's text to a record, pure
//! - `documents`, `offer`   what is written down, and what the store says of a record
//! - `store`, `jobs`, `starts`   the far ends as traits; `stdio` implements the first two over lines
//! - `spending`   whether a call fits into its job's budget, pure
//! - `amqp`       requests from RabbitMQ; `trace` the trace they belong to
//! - `memory`     gives free pages back to the system
//! - `llm`        one HTTP call, and when it may be made

#![deny(unsafe_code)]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used))]

pub mod amqp;
pub mod app;
pub mod cast;
pub mod coerce;
pub mod compute;
pub mod config;
pub mod contract;
pub mod desk;
pub mod documents;
pub mod elastic;
pub mod health;
pub mod ids;
pub mod jobs;
pub mod ladder;
pub mod llm;
pub mod memory;
pub mod monitoring;
pub mod offer;
pub mod pipeline;
pub mod plan;
pub mod repair;
pub mod shutdown;
pub mod spending;
pub mod starts;
pub mod stdio;
pub mod store;
pub mod telemetry;
pub mod template;
#[cfg(test)]
mod testing;
pub mod text;
pub mod trace;
pub mod validate;
