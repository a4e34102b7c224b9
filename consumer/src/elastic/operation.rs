//! One write as it is sent: the operation's line and the document's.

use serde::Serialize;

use super::judging::Version;

/// External versions: what is there stays unless ours is higher.
const EXTERNAL: &str = "external";

/// What a write may replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Nothing.
    Create,
    /// A document of a lower rank.
    Ranked,
    /// A document of exactly this version.
    Swap,
    /// It takes the document away.
    Delete,
}

/// Where a document lies.
#[derive(Debug, Clone)]
pub struct Target {
    pub index: String,
    pub key: String,
    /// The name is an alias: where that is missing no index of the same name may spring up.
    pub alias: bool,
}

/// One write.
#[derive(Debug, Clone)]
pub struct Operation {
    mode: Mode,
    lines: Vec<u8>,
}

#[derive(Serialize, Default)]
struct Head<'target> {
    #[serde(rename = "_index")]
    index: &'target str,
    #[serde(rename = "_id")]
    key: &'target str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    require_alias: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_seq_no: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    if_primary_term: Option<u64>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Action<'target> {
    Create(Head<'target>),
    Index(Head<'target>),
    Delete(Head<'target>),
}

impl Operation {
    /// Writes a document that is not there yet.
    pub fn create(target: &Target, body: &[u8]) -> Self {
        Self::of(Mode::Create, &Action::Create(head(target)), Some(body))
    }

    /// Writes a document unless one of the same or a higher rank is there.
    pub fn ranked(target: &Target, rank: u64, body: &[u8]) -> Self {
        let head = Head { version: Some(rank), version_type: Some(EXTERNAL), ..head(target) };
        Self::of(Mode::Ranked, &Action::Index(head), Some(body))
    }

    /// Replaces exactly this version.
    pub fn swap(target: &Target, version: Version, body: &[u8]) -> Self {
        Self::of(Mode::Swap, &Action::Index(exactly(target, version)), Some(body))
    }

    /// Takes away a document, or only exactly this version of it.
    pub fn delete(target: &Target, version: Option<Version>) -> Self {
        // the option is not known for deletions
        let target = Target { alias: false, ..target.clone() };
        let head = version.map_or_else(|| head(&target), |version| exactly(&target, version));
        Self::of(Mode::Delete, &Action::Delete(head), None)
    }

    /// What it may replace.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// Its lines, as they stand in a bulk.
    pub fn lines(&self) -> &[u8] {
        &self.lines
    }

    fn of(mode: Mode, action: &Action<'_>, body: Option<&[u8]>) -> Self {
        // a struct of numbers and texts always has a JSON form
        let mut lines = serde_json::to_vec(action).unwrap_or_default();
        lines.reserve_exact(body.map_or(0, <[u8]>::len) + 2);
        lines.push(b'\n');
        if let Some(body) = body {
            lines.extend_from_slice(body);
            lines.push(b'\n');
        }
        Self { mode, lines }
    }
}

fn head(target: &Target) -> Head<'_> {
    Head { index: &target.index, key: &target.key, require_alias: target.alias, ..Head::default() }
}

fn exactly(target: &Target, version: Version) -> Head<'_> {
    Head { if_seq_no: Some(version.seq_no), if_primary_term: Some(version.primary_term), ..head(target) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(operation: &Operation) -> &str {
        std::str::from_utf8(operation.lines()).unwrap()
    }

    #[test]
    fn operations_are_written_as_the_server_reads_them() {
        let target = Target { index: "p-calls".to_owned(), key: "t:1".to_owned(), alias: true };
        let plain = Target { alias: false, ..target.clone() };
        let version = Version { seq_no: 3, primary_term: 1 };
        let written = [
            Operation::create(&target, b"{}"),
            Operation::ranked(&plain, 5, b"{}"),
            Operation::swap(&target, version, b"{}"),
            Operation::delete(&target, Some(version)),
        ];
        let expected = [
            "{\"create\":{\"_index\":\"p-calls\",\"_id\":\"t:1\",\"require_alias\":true}}\n{}\n",
            "{\"index\":{\"_index\":\"p-calls\",\"_id\":\"t:1\",\"version\":5,\"version_type\":\"external\"}}\n{}\n",
            "{\"index\":{\"_index\":\"p-calls\",\"_id\":\"t:1\",\"require_alias\":true,\"if_seq_no\":3,\"if_primary_term\":1}}\n{}\n",
            "{\"delete\":{\"_index\":\"p-calls\",\"_id\":\"t:1\",\"if_seq_no\":3,\"if_primary_term\":1}}\n",
        ];
        assert_eq!(written.iter().map(text).collect::<Vec<_>>(), expected);
    }
}
