//! Structured logs on standard error, one JSON object a line.

use std::panic;

use tracing::Level;

use crate::text;

/// Longest text of a panic in the log.
const LONGEST: usize = 500;

/// Starts logging from `level` up; panics are logged, not printed.
pub fn start(level: Level) {
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_max_level(level)
        .with_target(false)
        .with_writer(std::io::stderr)
        // a closed standard error must not take the program with it
        .log_internal_errors(false)
        .init();
    panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string);
        tracing::error!(place, message = text::cut(&describe(info.payload()), LONGEST), "a task panicked");
    }));
}

/// The message of a panic.
pub fn describe(payload: &(dyn std::any::Any + Send)) -> String {
    let words = payload.downcast_ref::<&str>().map(|words| (*words).to_owned());
    words.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".to_owned())
}
