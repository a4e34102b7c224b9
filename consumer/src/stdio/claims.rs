//! Which contents and slots this process has accepted, for `--admission local`.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, PoisonError};

use crate::contract::SlotDocument;
use crate::ids;
use crate::store::{Claiming, Verdict};

/// Half a sha256 is enough to tell contents apart: 16 bytes a record are kept, not the record.
type Short = [u8; 16];

/// What was accepted so far; it grows by about 80 bytes a record.
#[derive(Default)]
pub struct Claims(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    contents: HashMap<Short, Short>,
    records: std::collections::HashSet<Short>,
}

impl Claims {
    /// Claims the content of `document` for its slot.
    pub fn claim(&self, document: &SlotDocument, claiming: Claiming) -> Verdict {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let record = record_key(document.tenant.as_str(), &document.record_id);
        if taken.records.contains(&record) {
            return Verdict::Already;
        }
        if claiming == Claiming::Once
            && let Some(hash) = &document.content_hash
        {
            let id = ids::claim_id(document.tenant.as_str(), document.dataset.as_str(), hash);
            match taken.contents.entry(short(id.as_str())) {
                Entry::Occupied(holder) if *holder.get() != record => return Verdict::Duplicate,
                Entry::Occupied(_) => {}
                Entry::Vacant(place) => {
                    place.insert(record);
                }
            }
        }
        taken.records.insert(record);
        Verdict::Stored
    }

    /// Whether the slot was accepted by this process.
    pub fn holds(&self, tenant: &str, record_id: &str) -> bool {
        let taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taken.records.contains(&record_key(tenant, record_id))
    }
}

fn record_key(tenant: &str, record_id: &str) -> Short {
    short(crate::contract::Sha256Hex::of(format!("{tenant}\n{record_id}").as_bytes()).as_str())
}

/// The first 16 bytes of a hexadecimal sha256, folded from 32 digits.
fn short(hex: &str) -> Short {
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
        let digit = |c: u8| (c as char).to_digit(16).unwrap_or(0) as u8;
        *byte = digit(pair[0]) << 4 | digit(pair[1]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Sha256Hex;
    use crate::documents;
    use crate::testing;
    use crate::validate::Failure;

    fn document(slot: usize, content: &str) -> SlotDocument {
        let request = testing::request();
        let failure = Failure::whole(crate::contract::RejectClass::Parse, "");
        let mut document = documents::exhausted(&request, &request.slots[slot], &failure);
        document.content_hash = Some(Sha256Hex::of(content.as_bytes()));
        document
    }

    #[test]
    fn a_content_is_taken_once_and_a_slot_filled_once() {
        let claims = Claims::default();
        assert_eq!(claims.claim(&document(0, "a"), Claiming::Once), Verdict::Stored);
        assert_eq!(claims.claim(&document(1, "a"), Claiming::Once), Verdict::Duplicate);
        assert_eq!(claims.claim(&document(0, "b"), Claiming::Once), Verdict::Already);
        assert!(claims.holds("default", "j1-0") && !claims.holds("default", "j1-1"));
        assert!(!claims.holds("other", "j1-0"));
        assert_eq!(claims.claim(&document(1, "a"), Claiming::Free), Verdict::Stored);
    }

    #[test]
    fn keys_keep_the_first_half_of_the_digest() {
        assert_eq!(short(&"0f".repeat(32)), [0x0f; 16]);
    }
}
