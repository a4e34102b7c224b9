//! Values by key that are forgotten once nobody has used them for long: keys come from recipes, which anybody may write.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// So long a value is kept that nobody uses: between two jobs of the same tenant what was learnt is still worth having.
const IDLE: Duration = Duration::from_secs(3600);
/// The same while there are more than [`MANY`]; longer than the minute that declared limits look back.
const IDLE_AMONG_MANY: Duration = Duration::from_secs(600);
/// At a few KiB each, no more than a few MiB.
const MANY: usize = 1000;
/// Between two looks at all values.
const LOOK: Duration = Duration::from_secs(60);

/// Something that may be in use outside of its shelf.
pub trait Held {
    /// Whether it is.
    fn held(&self) -> bool;
}

impl<T> Held for Arc<T> {
    fn held(&self) -> bool {
        Arc::strong_count(self) > 1
    }
}

/// The values. Not shared by itself: whoever counts on `held` has to hold the lock under which values are handed out.
pub struct Shelf<K, V> {
    kept: HashMap<K, Kept<V>>,
    looked: Instant,
}

struct Kept<V> {
    value: V,
    used: Instant,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self { kept: HashMap::new(), looked: Instant::now() }
    }
}

impl<K: Eq + Hash, V: Held> Shelf<K, V> {
    /// The value of `key`, which counts as used now.
    pub fn take(&mut self, key: K, make: impl FnOnce() -> V) -> &V {
        let used = Instant::now();
        let kept = self.kept.entry(key).or_insert_with(|| Kept { value: make(), used });
        kept.used = used;
        &kept.value
    }

    /// All that are kept.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.kept.iter().map(|(key, kept)| (key, &kept.value))
    }

    /// Takes out what nobody has used for long; looks once a minute at most.
    pub fn forgotten(&mut self) -> Vec<(K, V)> {
        let now = Instant::now();
        if now.duration_since(self.looked) < LOOK {
            return Vec::new();
        }
        self.looked = now;
        let idle = if self.kept.len() > MANY { IDLE_AMONG_MANY } else { IDLE };
        let old = self.kept.extract_if(|_, kept| {
            if kept.value.held() {
                kept.used = now;
            }
            now.duration_since(kept.used) >= idle
        });
        old.map(|(key, kept)| (key, kept.value)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Numbers = Shelf<u32, Arc<u32>>;

    async fn later(shelf: &mut Numbers, by: Duration) -> usize {
        tokio::time::advance(by).await;
        shelf.forgotten().len()
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_used_for_an_hour_is_forgotten() {
        let mut shelf = Numbers::default();
        shelf.take(1, || Arc::new(1));
        assert_eq!(later(&mut shelf, IDLE / 2).await, 0);
        shelf.take(2, || Arc::new(2));
        assert_eq!(later(&mut shelf, IDLE / 2).await, 1);
        assert_eq!(shelf.iter().map(|(key, _)| *key).collect::<Vec<_>>(), [2]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_held_is_kept_and_its_hour_begins_when_it_is_let_go() {
        let mut shelf = Numbers::default();
        let held = Arc::clone(shelf.take(1, || Arc::new(1)));
        assert_eq!(later(&mut shelf, IDLE * 5).await, 0);
        drop(held);
        assert_eq!(later(&mut shelf, LOOK).await, 0);
        assert_eq!(later(&mut shelf, IDLE).await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn many_that_come_all_the_time_do_not_add_up() {
        let mut shelf = Numbers::default();
        let in_a_minute = 400;
        for number in 0..200 * in_a_minute {
            if number % in_a_minute == 0 {
                later(&mut shelf, LOOK).await;
            }
            shelf.take(number, || Arc::new(number));
        }
        let called_lately = (IDLE_AMONG_MANY.as_secs() / LOOK.as_secs() + 1) as usize * in_a_minute as usize;
        assert!(shelf.iter().count() <= called_lately, "{} are kept", shelf.iter().count());
    }
}
