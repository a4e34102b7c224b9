//! What a job may spend, and the account that its calls are reserved in.

use std::ops::{Add, AddAssign};

use serde::{Deserialize, Serialize};

use super::{JobId, Name, V1};

/// US dollars for a model's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Price {
    pub input_per_million: f64,
    pub output_per_million: f64,
}

impl Price {
    /// What so many tokens cost.
    pub fn of(&self, input: u64, output: u64) -> f64 {
        (input as f64 * self.input_per_million + output as f64 * self.output_per_million) / 1e6
    }
}

/// The most that a job's calls may take together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    #[serde(default)]
    pub max_usd: Option<f64>,
    #[serde(default)]
    pub max_tokens: Option<u64>,
}

/// Tokens and dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Amount {
    #[serde(default)]
    pub tokens: u64,
    #[serde(default)]
    pub usd: f64,
}

impl Amount {
    /// Whether it is nothing.
    pub fn is_zero(&self) -> bool {
        self.tokens == 0 && self.usd <= 0.0
    }

    /// Without `other`, never below nothing.
    pub fn less(self, other: Self) -> Self {
        Self { tokens: self.tokens.saturating_sub(other.tokens), usd: (self.usd - other.usd).max(0.0) }
    }
}

impl Add for Amount {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { tokens: self.tokens.saturating_add(other.tokens), usd: self.usd + other.usd }
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

/// What one consumer has reserved for calls in flight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Holder {
    pub owner: String,
    pub held: Amount,
    /// Seconds since 1970; silent until then, it is taken for dead.
    pub until: u64,
}

/// The word that tells the document from other reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SpendingKind {
    #[default]
    #[serde(rename = "spending")]
    Spending,
}

/// A job's account; changed by compare-and-swap only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpendingDocument {
    #[serde(default)]
    pub version: V1,
    #[serde(default = "Name::default_tenant")]
    pub tenant: Name,
    #[serde(default)]
    pub kind: SpendingKind,
    pub report_id: String,
    pub job_id: JobId,
    /// What answers said that they took.
    #[serde(default)]
    pub reported: Amount,
    /// Estimates of calls that may have been paid but did not say how much.
    #[serde(default)]
    pub assumed: Amount,
    /// What consumers that died had reserved.
    #[serde(default)]
    pub lost: Amount,
    #[serde(default)]
    pub holders: Vec<Holder>,
    /// Names the last change.
    #[serde(default)]
    pub change: String,
}

impl SpendingDocument {
    /// The id of a job's account.
    pub fn id(job: &JobId) -> String {
        format!("spending-{job}")
    }

    /// An account that nothing was spent from.
    pub fn open(tenant: &Name, job: &JobId) -> Self {
        Self {
            version: V1,
            tenant: tenant.clone(),
            kind: SpendingKind::Spending,
            report_id: Self::id(job),
            job_id: job.clone(),
            reported: Amount::default(),
            assumed: Amount::default(),
            lost: Amount::default(),
            holders: Vec::new(),
            change: String::new(),
        }
    }

    /// What counts as spent.
    pub fn committed(&self) -> Amount {
        self.reported + self.assumed + self.lost
    }
}
