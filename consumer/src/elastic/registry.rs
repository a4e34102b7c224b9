//! Which index the slots of a job go to; a job that is bound stays there, so what was read is kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Deserialize;

use super::far::Far;
use super::names;
use super::operation::Target;
use crate::contract::{JobId, Name};
use crate::store::StoreGone;

/// Jobs kept in mind.
const MOST: usize = 10_000;

/// The jobs' indexes as far as they were asked for.
pub struct Registry {
    far: Far,
    known: Mutex<HashMap<String, Arc<str>>>,
}

#[derive(Deserialize)]
struct Binding {
    index: String,
}

impl Registry {
    /// Asks through `far`.
    pub fn new(far: Far) -> Self {
        Self { far, known: Mutex::default() }
    }

    /// The index, none when the job is bound to none.
    ///
    /// # Errors
    /// When the program is aborted meanwhile.
    pub async fn index_of(
        &self,
        tenant: &Name,
        dataset: &Name,
        job: &JobId,
    ) -> Result<Option<Arc<str>>, StoreGone> {
        let key = names::binding(tenant, dataset, job);
        if let Some(index) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&key) {
            return Ok(Some(Arc::clone(index)));
        }
        let target = Target { index: self.far.names.registry(), key, alias: true };
        let found = self.far.read(&target, &["index"]).await?;
        let Some(binding) = found.and_then(|found| found.read::<Binding>()) else { return Ok(None) };
        let index: Arc<str> = binding.index.into();
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(target.key, Arc::clone(&index));
        Ok(Some(index))
    }
}
