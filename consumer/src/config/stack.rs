//! Settings of the far ends of the service; names and defaults are those of `synthmill.settings`.

use std::path::PathBuf;
use std::time::Duration;

use super::given::Given;
use super::secret::{Address, Secret};

/// Where the settings in here begin; `--stdio` leaves them alone.
pub const PREFIXES: [&str; 2] = ["RABBITMQ__", "ELASTICSEARCH__"];

/// The broker.
#[derive(Debug, Clone, PartialEq)]
pub struct RabbitSettings {
    /// `amqp://` or `amqps://`, with user, password and virtual host.
    pub url: Address,
    /// Certificates to trust; none: the system's.
    pub ca_file: Option<PathBuf>,
    /// Before queue names.
    pub prefix: String,
    pub heartbeat: Duration,
    /// How long a publish waits to be confirmed.
    pub confirm_within: Duration,
}

/// The record store.
#[derive(Debug, Clone, PartialEq)]
pub struct ElasticSettings {
    pub url: Address,
    pub api_key: Option<Secret>,
    /// Certificates to trust; none: the system's.
    pub ca_file: Option<PathBuf>,
    /// Before index names.
    pub prefix: String,
    /// How long a request may take.
    pub request_within: Duration,
}

impl RabbitSettings {
    /// Takes the broker's settings.
    pub fn take(given: &mut Given) -> Result<Self, String> {
        Ok(Self {
            url: broker_address(given.secret("RABBITMQ__URL"))?,
            ca_file: given.path("RABBITMQ__CA_FILE"),
            prefix: given.text(
                "RABBITMQ__PREFIX",
                "",
                |text| {
                    text.len() <= 60 && text.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c))
                },
                "at most 60 of letters, digits, _, . and -",
            )?,
            heartbeat: Duration::from_secs(given.whole("RABBITMQ__HEARTBEAT_SECONDS", 10, 2, 600)? as u64),
            confirm_within: given.seconds("RABBITMQ__CONFIRM_SECONDS", 30.0, 0.001, 86_400.0)?,
        })
    }
}

/// There is no default: it would hold a password that everybody knows, and so does an address without a user.
fn broker_address(given: Option<Secret>) -> Result<Address, String> {
    let wanted = "SYNTHMILL_RABBITMQ__URL";
    let Some(url) = given else {
        return Err(format!(
            "{wanted} is not set: give the broker's address, amqp://USER:PASSWORD@HOST:PORT/"
        ));
    };
    let rest = ["amqp://", "amqps://"].iter().find_map(|scheme| url.reveal().strip_prefix(scheme));
    let authority = rest.and_then(|rest| rest.split('/').next());
    let user =
        authority.and_then(|authority| authority.rsplit_once('@')).and_then(|(user, _)| user.split_once(':'));
    match user {
        Some((name, password)) if !name.is_empty() && !password.is_empty() => {
            Ok(Address::new(url.reveal().to_owned()))
        }
        _ => Err(format!("{wanted} is no amqp or amqps address with user and password")),
    }
}

impl ElasticSettings {
    /// Takes the store's settings.
    pub fn take(given: &mut Given) -> Result<Self, String> {
        let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_lowercase());
        let goes_on =
            |text: &str| text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
        Ok(Self {
            url: Address::new(given.url("ELASTICSEARCH__URL", "http://127.0.0.1:29200")?),
            api_key: given.secret("ELASTICSEARCH__API_KEY"),
            ca_file: given.path("ELASTICSEARCH__CA_FILE"),
            prefix: given.text(
                "ELASTICSEARCH__PREFIX",
                "synthmill",
                |text| text.len() <= 41 && begins(text) && goes_on(text),
                "a lower-case letter, then at most 40 of lower-case letters, digits and _",
            )?,
            request_within: given.seconds("ELASTICSEARCH__REQUEST_SECONDS", 30.0, 0.001, 86_400.0)?,
        })
    }
}
