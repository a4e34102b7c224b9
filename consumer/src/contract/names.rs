//! Texts that are checked once, when a message is read.

use serde::{Deserialize, Serialize};

macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $longest:literal, $fits:expr, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl $name {
            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                let fits: fn(&[u8]) -> bool = $fits;
                if !text.is_empty() && text.len() <= $longest && fits(text.as_bytes()) {
                    return Ok(Self(text));
                }
                let shown: String = text.chars().take(80).collect();
                Err(format!("{shown:?} is not {}", $rule))
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                out.write_str(&self.0)
            }
        }
    };
}

checked_text!(
    /// A tenant or dataset: lower case, because it becomes part of an index name.
    Name, 63,
    |text| text[0].is_ascii_lowercase()
        && text.iter().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'_' | b'-')),
    "a name of at most 63 lower-case letters, digits, _ and -, a letter first"
);
checked_text!(
    /// A column of a record.
    ColumnName, 63,
    |text| !text[0].is_ascii_digit() && text.iter().all(|c| c.is_ascii_alphanumeric() || *c == b'_'),
    "a column name of at most 63 letters, digits and _, no digit first"
);
checked_text!(
    /// A job's id.
    JobId, 64,
    |text| text[0].is_ascii_alphanumeric()
        && text.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'_' | b'-')),
    "a job id of at most 64 letters, digits, _ and -"
);
checked_text!(
    /// A sha256 in hexadecimal.
    Sha256Hex, 64,
    |text| text.len() == 64 && text.iter().all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(c)),
    "a sha256 of 64 lower-case hexadecimal digits"
);

impl Name {
    /// The tenant of a message that names none.
    pub fn default_tenant() -> Self {
        Self("default".to_owned())
    }
}

impl Sha256Hex {
    /// The digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest;
        use std::fmt::Write;
        let mut text = String::with_capacity(64);
        for byte in sha2::Sha256::digest(bytes) {
            // writing to a String cannot fail
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }
}

/// A pass over the open slots of a job, 1 to 1000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u32")]
pub struct Round(u32);

impl Round {
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl TryFrom<u32> for Round {
    type Error = String;

    fn try_from(round: u32) -> Result<Self, String> {
        match round {
            1..=1000 => Ok(Self(round)),
            other => Err(format!("round is {other}, want 1 to 1000")),
        }
    }
}

/// The version 1 that every message carries; any other is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct V1;

impl TryFrom<u64> for V1 {
    type Error = String;

    fn try_from(version: u64) -> Result<Self, String> {
        match version {
            1 => Ok(Self),
            other => Err(format!("version {other} is not known here: this program reads version 1")),
        }
    }
}

impl From<V1> for u64 {
    fn from(_: V1) -> Self {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_lower_case_and_start_with_a_letter() {
        for (text, good) in
            [("a", true), ("a-b_1", true), ("A", false), ("1a", false), ("", false), ("ä", false)]
        {
            assert_eq!(Name::try_from(text.to_owned()).is_ok(), good, "{text}");
        }
        assert!(Name::try_from("a".repeat(64)).is_err());
    }

    #[test]
    fn a_digest_is_64_hexadecimal_digits() {
        let digest = Sha256Hex::of(b"abc");
        assert!(digest.as_str().starts_with("ba7816bf"));
        assert!(Sha256Hex::try_from(digest.as_str().to_owned()).is_ok());
    }

    #[test]
    fn another_version_is_refused() {
        assert!(serde_json::from_str::<V1>("1").is_ok());
        assert!(serde_json::from_str::<V1>("2").is_err());
    }
}
