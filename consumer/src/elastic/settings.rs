//! What the record store needs to be told: the settings `SYNTHMILL_ELASTICSEARCH__…`.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    pub(super) fn told(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("***")
    }
}

/// Where the record store is and how it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct ElasticSettings {
    pub url: String,
    pub api_key: Option<Secret>,
    /// Certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Stands before each index's name.
    pub prefix: String,
    /// How long one request may take.
    pub request_within: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_not_shown() {
        let secret = Secret::new("key".to_owned());
        assert_eq!((format!("{secret:?}").as_str(), secret.told()), ("***", "key"));
    }
}
