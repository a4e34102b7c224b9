//! Settings: defaults, then `SYNTHMILL_…__…` variables, then the command line; checked before anything starts.
//!
//! # Layout
//! - `calls`    how models are called
//! - `monitoring`   where health and metrics are shown
//! - `stack`    the far ends of the service
//! - `given`, `secret`   values by their keys; texts that are not shown
//! - `help`     what `--help` says

mod calls;
mod given;
mod help;
mod monitoring;
mod secret;
mod stack;

use std::time::Duration;

use tracing::Level;

use crate::llm::provider::CallSettings;
use crate::text;
use given::Given;
pub use monitoring::{Metrics, MonitoringSettings};
pub use secret::{Address, Secret};
pub use stack::{ElasticSettings, RabbitSettings};

/// What the command line asks for.
#[derive(Debug)]
pub enum Command {
    Run(Settings),
    /// Print this and end.
    Say(String),
}

/// Who says whether a record is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdmissionMode {
    Local,
    Ask,
}

/// Where requests come from and results go to.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    /// Lines on standard input and output.
    Stdio(AdmissionMode),
    /// RabbitMQ and Elasticsearch.
    Service(Box<ServiceSettings>),
}

/// What only the service needs.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceSettings {
    pub rabbitmq: RabbitSettings,
    pub elasticsearch: ElasticSettings,
}

/// The whole configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    pub mode: Mode,
    /// Where models without a `base_url` are called.
    pub gateway_url: String,
    pub calls: CallSettings,
    /// Requests that may be unsettled; twice the concurrency keeps it busy while verdicts are on their way.
    pub prefetch: usize,
    /// How long calls in flight may take to end after the signal to stop.
    pub drain_within: Duration,
    /// How long the service keeps a request that waits to make a call.
    pub hold: Duration,
    pub monitoring: MonitoringSettings,
    pub log_level: Level,
}

/// The program's arguments, without its name.
pub fn arguments() -> impl Iterator<Item = String> {
    std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned())
}

/// The variables that are text; others cannot be ours.
pub fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
}

/// Reads the settings from arguments (without the program's name) and variables.
///
/// # Errors
/// One sentence that names the argument or variable and what it may be.
pub fn read(
    arguments: impl Iterator<Item = String>,
    variables: impl Iterator<Item = (String, String)>,
) -> Result<Command, String> {
    let mut given = Given(variables.filter_map(|(key, value)| known(&key).map(|key| (key, value))).collect());
    let mut stdio = false;
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let (flag, inline) = match argument.split_once('=') {
            Some((flag, value)) => (flag, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let key = match flag {
            "--help" | "-h" => return Ok(Command::Say(help::HELP.to_owned())),
            "--version" | "-V" => return Ok(Command::Say(crate::documents::CONSUMER.to_owned())),
            "--stdio" => {
                stdio = true;
                continue;
            }
            "--admission" => "CONSUMER__ADMISSION",
            "--concurrency" => "CONSUMER__CONCURRENCY",
            "--prefetch" => "CONSUMER__PREFETCH",
            "--gateway-url" => "GATEWAY__URL",
            other => return Err(format!("{other} is not an option: see --help")),
        };
        let value =
            inline.or_else(|| arguments.next()).ok_or_else(|| format!("{flag} needs a value: see --help"))?;
        given.0.insert(key.to_owned(), value);
    }
    settings(given, stdio).map(Command::Run)
}

/// The rest of a key of ours. A misspelt one is kept, so that it is refused; `PROGRAM` is for who starts this program.
fn known(key: &str) -> Option<String> {
    let rest = key.strip_prefix("SYNTHMILL_")?;
    let ours = (rest.starts_with("CONSUMER__") && rest != "CONSUMER__PROGRAM")
        || stack::PREFIXES.iter().any(|prefix| rest.starts_with(prefix))
        || rest.starts_with("MONITORING__")
        || rest == "GATEWAY__URL"
        || rest == "LOG__LEVEL";
    ours.then(|| rest.to_owned())
}

fn settings(mut given: Given, stdio: bool) -> Result<Settings, String> {
    let calls = calls::take(&mut given)?;
    let settings = Settings {
        mode: mode(&mut given, stdio)?,
        gateway_url: given.url("GATEWAY__URL", "http://127.0.0.1:4000/v1")?,
        prefetch: given.whole("CONSUMER__PREFETCH", 2 * calls.concurrency, 1, 10_000)?,
        drain_within: given.seconds("CONSUMER__DRAIN_SECONDS", 20.0, 0.0, 3600.0)?,
        hold: given.seconds("CONSUMER__HOLD_SECONDS", 180.0, 0.1, 3600.0)?,
        calls,
        monitoring: monitoring::take(&mut given)?,
        log_level: given.one_of("LOG__LEVEL", Level::INFO, &LEVELS)?,
    };
    given.nothing_left()?;
    Ok(settings)
}

fn mode(given: &mut Given, stdio: bool) -> Result<Mode, String> {
    if stdio {
        given.ignore(&stack::PREFIXES);
        return given.one_of("CONSUMER__ADMISSION", AdmissionMode::Local, &ADMISSIONS).map(Mode::Stdio);
    }
    if given.0.contains_key("CONSUMER__ADMISSION") {
        return Err("--admission goes with --stdio only: the service asks the record store".to_owned());
    }
    let rabbitmq = RabbitSettings::take(given)?;
    let elasticsearch = ElasticSettings::take(given)?;
    Ok(Mode::Service(Box::new(ServiceSettings { rabbitmq, elasticsearch })))
}

const ADMISSIONS: [(&str, AdmissionMode); 2] = [("local", AdmissionMode::Local), ("ask", AdmissionMode::Ask)];

const LEVELS: [(&str, Level); 4] =
    [("debug", Level::DEBUG), ("info", Level::INFO), ("warning", Level::WARN), ("error", Level::ERROR)];

impl Settings {
    /// The settings for the log, without what may be a secret: user and password in an address.
    pub fn redacted(&self) -> String {
        let shown = Self { gateway_url: text::without_user(&self.gateway_url), ..self.clone() };
        format!("{shown:?}")
    }
}

#[cfg(test)]
mod tests;
