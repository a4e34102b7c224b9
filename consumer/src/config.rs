//! Settings: defaults, then `SYNTHMILL_…__…` variables, then the command line; checked before anything starts.

use std::collections::BTreeMap;
use std::time::Duration;

use tracing::Level;

use crate::llm::backoff::Backoff;
use crate::llm::budget::BudgetSettings;
use crate::llm::provider::CallSettings;
use crate::text;

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

/// The whole configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Where models without a `base_url` are called.
    pub gateway_url: String,
    pub admission: AdmissionMode,
    pub calls: CallSettings,
    /// Requests that may be unsettled; twice the concurrency keeps it busy while verdicts are on their way.
    pub prefetch: usize,
    /// How long calls in flight may take to end after the signal to stop.
    pub drain_within: Duration,
    pub log_level: Level,
}

const HELP: &str = "\
Turns generation requests into validated records by calling any OpenAI-compatible model.

Usage: synthmill-consumer --stdio [options] < requests.ndjson > lines.ndjson

Options (each also by its variable; the command line wins):
  --stdio               requests on standard input, lines on standard output
  --admission MODE      local: a content is taken once in a run; ask: the reader of the output answers each
                        accepted slot line by a verdict line         SYNTHMILL_CONSUMER__ADMISSION      local
  --concurrency N       calls in flight to one model at one address  SYNTHMILL_CONSUMER__CONCURRENCY    64
  --prefetch N          requests that may be unsettled; with ask, who feeds more of them waits for ever: verdicts
                        would stand behind requests not yet read     SYNTHMILL_CONSUMER__PREFETCH       2 x concurrency
  --gateway-url URL     where models without a base_url are called   SYNTHMILL_GATEWAY__URL             http://127.0.0.1:4000/v1
  --version, --help

By variable only:
  SYNTHMILL_CONSUMER__UNREACHABLE_SECONDS       30    an address not reached for so long blocks its jobs
  SYNTHMILL_CONSUMER__DRAIN_SECONDS             20    after a signal to stop, calls in flight may take so long
  SYNTHMILL_CONSUMER__RETRY__BASE_SECONDS       0.5   first window of the wait after a failure; it doubles
  SYNTHMILL_CONSUMER__RETRY__CAP_SECONDS        30    longest window
  SYNTHMILL_CONSUMER__RETRY__BUDGET_RATIO       0.1   retries that each first call earns
  SYNTHMILL_CONSUMER__RETRY__BUDGET_PER_SECOND  3     retries a second that are always there
  SYNTHMILL_LOG__LEVEL                          info  debug, info, warning or error; logs go to standard error

Exit: 0 input used up or drained after SIGTERM, 1 the other side is gone, 2 wrong settings.";

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
            "--help" | "-h" => return Ok(Command::Say(HELP.to_owned())),
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
    match stdio {
        true => given.settings().map(Command::Run),
        false => Err("--stdio is missing: see --help".to_owned()),
    }
}

/// The rest of a key of ours. A misspelt one of the consumer's own is kept, so that it is refused;
/// `PROGRAM` is for who starts this program.
fn known(key: &str) -> Option<String> {
    let rest = key.strip_prefix("SYNTHMILL_")?;
    let ours = (rest.starts_with("CONSUMER__") && rest != "CONSUMER__PROGRAM")
        || rest == "GATEWAY__URL"
        || rest == "LOG__LEVEL";
    ours.then(|| rest.to_owned())
}

struct Given(BTreeMap<String, String>);

impl Given {
    fn settings(mut self) -> Result<Settings, String> {
        let concurrency = self.whole("CONSUMER__CONCURRENCY", 64, 1, 4096)?;
        let settings = Settings {
            gateway_url: self.url("GATEWAY__URL", "http://127.0.0.1:4000/v1")?,
            admission: self.one_of(
                "CONSUMER__ADMISSION",
                AdmissionMode::Local,
                &[("local", AdmissionMode::Local), ("ask", AdmissionMode::Ask)],
            )?,
            prefetch: self.whole("CONSUMER__PREFETCH", 2 * concurrency, 1, 65_536)?,
            drain_within: self.seconds("CONSUMER__DRAIN_SECONDS", 20.0, 0.0, 3600.0)?,
            calls: CallSettings {
                concurrency,
                backoff: Backoff {
                    base: self.seconds("CONSUMER__RETRY__BASE_SECONDS", 0.5, 0.001, 60.0)?,
                    cap: self.seconds("CONSUMER__RETRY__CAP_SECONDS", 30.0, 0.001, 600.0)?,
                },
                budget: BudgetSettings {
                    ratio: self.number("CONSUMER__RETRY__BUDGET_RATIO", 0.1, 0.0, 10.0)?,
                    per_second: self.number("CONSUMER__RETRY__BUDGET_PER_SECOND", 3.0, 0.01, 10_000.0)?,
                },
                patience: self.seconds("CONSUMER__UNREACHABLE_SECONDS", 30.0, 0.1, 86_400.0)?,
            },
            log_level: self.one_of(
                "LOG__LEVEL",
                Level::INFO,
                &[
                    ("debug", Level::DEBUG),
                    ("info", Level::INFO),
                    ("warning", Level::WARN),
                    ("error", Level::ERROR),
                ],
            )?,
        };
        match self.0.keys().next() {
            Some(key) => Err(format!("SYNTHMILL_{key} is not a setting: see --help")),
            None => Ok(settings),
        }
    }

    fn number(&mut self, key: &str, default: f64, low: f64, high: f64) -> Result<f64, String> {
        let Some(text) = self.0.remove(key) else { return Ok(default) };
        let number = text.trim().parse::<f64>().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| format!("SYNTHMILL_{key} is {text:?}, want a number from {low} to {high}"))
    }

    fn seconds(&mut self, key: &str, default: f64, low: f64, high: f64) -> Result<Duration, String> {
        self.number(key, default, low, high).map(Duration::from_secs_f64)
    }

    fn whole(&mut self, key: &str, default: usize, low: usize, high: usize) -> Result<usize, String> {
        let Some(text) = self.0.remove(key) else { return Ok(default) };
        let number = text.trim().parse::<usize>().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| format!("SYNTHMILL_{key} is {text:?}, want a whole number from {low} to {high}"))
    }

    fn url(&mut self, key: &str, default: &str) -> Result<String, String> {
        let text = self.0.remove(key).unwrap_or_else(|| default.to_owned());
        match text.starts_with("http://") || text.starts_with("https://") {
            true => Ok(text.trim_end_matches('/').to_owned()),
            false => Err(format!("SYNTHMILL_{key} is {text:?}, want an http or https address")),
        }
    }

    fn one_of<T: Copy>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> Result<T, String> {
        let Some(text) = self.0.remove(key) else { return Ok(default) };
        let folded = text.trim().to_ascii_lowercase();
        let chosen = choices.iter().find(|(name, _)| *name == folded).map(|(_, value)| *value);
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        chosen.ok_or_else(|| format!("SYNTHMILL_{key} is {text:?}, want one of {}", names.join(", ")))
    }
}

impl Settings {
    /// The settings for the log, without what may be a secret: user and password in an address.
    pub fn redacted(&self) -> String {
        let shown = Self { gateway_url: text::without_user(&self.gateway_url), ..self.clone() };
        format!("{shown:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Settings, String> {
        let arguments = arguments.iter().map(|text| (*text).to_owned());
        let variables = variables.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        match read(arguments, variables)? {
            Command::Run(settings) => Ok(settings),
            Command::Say(text) => Err(text),
        }
    }

    #[test]
    fn the_command_line_wins_over_variables_and_these_over_defaults() {
        let plain = settings(&["--stdio"], &[("PATH", "/bin"), ("SYNTHMILL_PROFILE", "embedded")]).unwrap();
        assert_eq!(
            (plain.calls.concurrency, plain.prefetch, plain.admission),
            (64, 128, AdmissionMode::Local)
        );
        let variables =
            [("SYNTHMILL_CONSUMER__CONCURRENCY", "8"), ("SYNTHMILL_GATEWAY__URL", "http://g:1/v1/")];
        let by_variable = settings(&["--stdio"], &variables).unwrap();
        assert_eq!((by_variable.calls.concurrency, by_variable.gateway_url.as_str()), (8, "http://g:1/v1"));
        let by_line = settings(&["--stdio", "--concurrency=9", "--admission", "ask"], &variables).unwrap();
        assert_eq!((by_line.calls.concurrency, by_line.admission), (9, AdmissionMode::Ask));
    }

    #[test]
    fn a_bad_value_is_refused_with_what_it_may_be() {
        for (arguments, variables, says) in [
            (vec![], vec![], "--stdio is missing"),
            (vec!["--stdio", "--fast"], vec![], "--fast is not an option"),
            (vec!["--stdio", "--concurrency"], vec![], "needs a value"),
            (vec!["--stdio", "--concurrency", "0"], vec![], "want a whole number from 1 to 4096"),
            (vec!["--stdio"], vec![("SYNTHMILL_CONSUMER__CONCURENCY", "1")], "is not a setting"),
            (vec!["--stdio"], vec![("SYNTHMILL_CONSUMER__DRAIN_SECONDS", "NaN")], "want a number"),
            (vec!["--stdio"], vec![("SYNTHMILL_GATEWAY__URL", "localhost")], "want an http"),
            (vec!["--stdio", "--admission", "maybe"], vec![], "want one of local, ask"),
        ] {
            let error = settings(&arguments, &variables).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_not_logged() {
        let settings = settings(&["--stdio", "--gateway-url", "http://me:secret@h:1/v1"], &[]).unwrap();
        assert!(!settings.redacted().contains("secret"));
        assert!(settings.redacted().contains("http://***@h:1/v1"));
    }
}
