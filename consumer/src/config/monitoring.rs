//! Where the program shows its health and metrics; names and defaults are those of `synthmill.settings`.

use super::given::Given;

/// The monitoring server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MonitoringSettings {
    pub host: String,
    /// None: nobody listens; 0: any free port.
    pub port: Option<u16>,
    pub metrics: Metrics,
}

/// Whether `/metrics`, which asks for no key, is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metrics {
    Served,
    Hidden,
}

/// The words that pydantic reads as well.
const CHOICES: [(&str, Metrics); 8] = [
    ("true", Metrics::Served),
    ("false", Metrics::Hidden),
    ("1", Metrics::Served),
    ("0", Metrics::Hidden),
    ("yes", Metrics::Served),
    ("no", Metrics::Hidden),
    ("on", Metrics::Served),
    ("off", Metrics::Hidden),
];

/// Takes the settings of the monitoring server.
pub fn take(given: &mut Given) -> Result<MonitoringSettings, String> {
    Ok(MonitoringSettings {
        host: given.text(
            "MONITORING__HOST",
            "127.0.0.1",
            |text| !text.is_empty(),
            "an address or host name",
        )?,
        port: given.port("MONITORING__PORT")?,
        metrics: given.one_of("MONITORING__METRICS", Metrics::Served, &CHOICES)?,
    })
}
