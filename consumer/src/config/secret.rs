//! Texts that must not show in logs.

use std::fmt;

use crate::text;

/// A key or password; only who asks for it by name sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("***")
    }
}

/// An address that may hold a user and a password; it is shown without them.
#[derive(Clone, PartialEq, Eq)]
pub struct Address(String);

impl Address {
    /// The address `text`.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The whole of it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", text::without_user(&self.0))
    }
}
