//! What the program shows of itself over HTTP: `/healthz`, `/readyz` and `/metrics`.
//!
//! `metrics` counts; `counted` wraps a source and a store so that they count what passes; `models` keeps the
//! number of label values bounded; `providers` reads what the LLM layer knows when somebody asks; `server` answers.

mod counted;
mod metrics;
mod models;
mod providers;
mod server;
mod words;

pub use counted::Counted;
pub use metrics::{BulkItem, Metrics};
pub use server::{Shown, serve};
