//! Values by their keys, each taken once, checked, and refused with what it may be.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::secret::Secret;

/// What was given, by the key without `SYNTHMILL_`; what nobody took in the end is no setting.
pub struct Given(pub BTreeMap<String, String>);

impl Given {
    /// A number within bounds.
    pub fn number(&mut self, key: &str, default: f64, low: f64, high: f64) -> Result<f64, String> {
        let Some(text) = self.0.remove(key) else { return Ok(default) };
        let number = text.trim().parse::<f64>().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| format!("SYNTHMILL_{key} is {text:?}, want a number from {low} to {high}"))
    }

    /// A time in seconds within bounds.
    pub fn seconds(&mut self, key: &str, default: f64, low: f64, high: f64) -> Result<Duration, String> {
        self.number(key, default, low, high).map(Duration::from_secs_f64)
    }

    /// A whole number within bounds.
    pub fn whole(&mut self, key: &str, default: usize, low: usize, high: usize) -> Result<usize, String> {
        let Some(text) = self.0.remove(key) else { return Ok(default) };
        let number = text.trim().parse::<usize>().ok().filter(|number| (low..=high).contains(number));
        number.ok_or_else(|| format!("SYNTHMILL_{key} is {text:?}, want a whole number from {low} to {high}"))
    }

    /// A port; none when it is not given or empty.
    pub fn port(&mut self, key: &str) -> Result<Option<u16>, String> {
        let Some(text) = self.0.remove(key).filter(|text| !text.trim().is_empty()) else { return Ok(None) };
        let port = text.trim().parse().ok();
        port.map(Some).ok_or_else(|| format!("SYNTHMILL_{key} is {text:?}, want a port from 0 to 65535"))
    }

    /// An http or https address, without a slash at its end.
    pub fn url(&mut self, key: &str, default: &str) -> Result<String, String> {
        let text = self.0.remove(key).unwrap_or_else(|| default.to_owned());
        match text.starts_with("http://") || text.starts_with("https://") {
            true => Ok(text.trim_end_matches('/').to_owned()),
            false => Err(format!("SYNTHMILL_{key} is {text:?}, want an http or https address")),
        }
    }

    /// One of a few words.
    pub fn one_of<T: Copy>(&mut self, key: &str, default: T, choices: &[(&str, T)]) -> Result<T, String> {
        let Some(text) = self.0.remove(key) else { return Ok(default) };
        let folded = text.trim().to_ascii_lowercase();
        let chosen = choices.iter().find(|(name, _)| *name == folded).map(|(_, value)| *value);
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        chosen.ok_or_else(|| format!("SYNTHMILL_{key} is {text:?}, want one of {}", names.join(", ")))
    }

    /// A text that `fits`; `want` says what fits.
    pub fn text(
        &mut self,
        key: &str,
        default: &str,
        fits: impl Fn(&str) -> bool,
        want: &str,
    ) -> Result<String, String> {
        let Some(text) = self.0.remove(key) else { return Ok(default.to_owned()) };
        match fits(&text) {
            true => Ok(text),
            false => Err(format!("SYNTHMILL_{key} is {text:?}, want {want}")),
        }
    }

    /// A path; none when it is not given or empty.
    pub fn path(&mut self, key: &str) -> Option<PathBuf> {
        self.0.remove(key).filter(|text| !text.is_empty()).map(PathBuf::from)
    }

    /// A text that is never shown; none when it is not given or empty.
    pub fn secret(&mut self, key: &str) -> Option<Secret> {
        self.0.remove(key).filter(|text| !text.is_empty()).map(Secret::new)
    }

    /// Leaves out what begins with one of `prefixes`: settings of a part that does not run.
    pub fn ignore(&mut self, prefixes: &[&str]) {
        self.0.retain(|key, _| !prefixes.iter().any(|prefix| key.starts_with(prefix)));
    }

    /// Refuses what nobody took.
    pub fn nothing_left(&self) -> Result<(), String> {
        match self.0.keys().next() {
            Some(key) => Err(format!("SYNTHMILL_{key} is not a setting: see --help")),
            None => Ok(()),
        }
    }
}
