//! Builds the program from its settings and runs it until there is nothing left to do, or it is told to stop.
//!
//! # Layout
//! - `service`  RabbitMQ and Elasticsearch
//! - `stdio`    lines in and out
//! - `work`     the loop that serves deliveries, whatever they come from

mod service;
mod stdio;
mod work;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::signal::unix::{SignalKind, signal};

use crate::config::{Mode, Settings};
use crate::memory;
use crate::shutdown::Shutdown;

/// Declarations kept compiled; a consumer rarely works on more recipes at once.
const MOST_PLANS: usize = 32;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Input is used up or the program was told to stop, and it drained.
    Finished,
    /// The other side is gone.
    Aborted,
}

/// Runs the program to its end.
///
/// # Errors
/// When a part cannot be set up.
pub fn run(settings: Settings) -> Result<Ended, String> {
    memory::share_one_heap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("no runtime: {error}"))?;
    let ended = runtime.block_on(start(settings));
    // calls that are still in flight after an abort must not hold the process
    runtime.shutdown_background();
    ended
}

async fn start(settings: Settings) -> Result<Ended, String> {
    let shutdown = Shutdown::default();
    stop_on_signals(&shutdown)?;
    tokio::spawn(memory::keep_small());
    match settings.mode.clone() {
        Mode::Stdio(admission) => stdio::run(settings, admission, shutdown).await,
        Mode::Service(service) => service::run(settings, *service, shutdown).await,
    }
}

/// The first signal drains, a second one aborts. Draining for another reason, as when input ends, is no signal.
fn stop_on_signals(shutdown: &Shutdown) -> Result<(), String> {
    let told = Arc::new(AtomicBool::new(false));
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).map_err(|error| format!("signals cannot be handled: {error}"))?;
        let (shutdown, told) = (shutdown.clone(), Arc::clone(&told));
        tokio::spawn(async move {
            while signals.recv().await.is_some() {
                if told.swap(true, Ordering::Relaxed) {
                    shutdown.abort();
                } else {
                    shutdown.drain();
                    tracing::info!("told to stop: calls in flight end, no new ones are made");
                }
            }
        });
    }
    Ok(())
}
