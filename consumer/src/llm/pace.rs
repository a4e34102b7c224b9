//! Slows calls down when a provider tells that little is left of its limits, before it has to answer 429.
//!
//! It is a hint: what is left is soon out of date, and other programs may use the same key. So it never stops calls,
//! it only sets a distance between them, and each answer sets it anew.

use std::sync::{Mutex as PlainMutex, MutexGuard as PlainGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};
use tokio::time::{Instant, sleep_until};

use super::told::{Left, Told};

/// Less than this share of a limit is little.
const LITTLE: f64 = 0.1;
/// A distance is kept no longer than this without being told again: a limit counts by the minute.
const VALID: Duration = Duration::from_secs(60);
/// Longest distance: a provider that counts otherwise than it seems must not stall a job.
const FARTHEST: Duration = Duration::from_secs(5);
/// Tokens of a call, before any answer.
const TOKENS_AT_FIRST: f64 = 1000.0;

/// The distance between calls of one model at one address.
#[derive(Default)]
pub struct Pace {
    /// Fair: who waits longest is next.
    queue: Mutex<()>,
    state: PlainMutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// None: calls need no distance.
    gap: Option<(Duration, Instant)>,
    last: Option<Instant>,
    /// Running mean of a call's tokens.
    tokens: Option<f64>,
}

impl Pace {
    /// Waits until a call keeps its distance from the one before.
    pub async fn pass(&self) {
        if self.lock().gap.is_none() {
            return;
        }
        let _first = self.queue.lock().await;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let Some(at) = self.next() else { return };
            tokio::select! {
                () = sleep_until(at) => {}
                () = changed => {}
            }
        }
    }

    /// Takes what an answer told while `in_flight` calls were under way; `tokens` is what it took, 0 if unknown.
    pub fn told(&self, told: &Told, in_flight: usize, tokens: u64) {
        let mut state = self.lock();
        if tokens > 0 {
            let mean = state.tokens.unwrap_or(tokens as f64);
            state.tokens = Some(mean + 0.05 * (tokens as f64 - mean));
        }
        if told.requests.is_none() && told.tokens.is_none() {
            return;
        }
        let a_call = state.tokens.unwrap_or(TOKENS_AT_FIRST);
        let gaps = [gap(told.requests, 1.0, in_flight), gap(told.tokens, a_call, in_flight)];
        let before = state.gap.is_some();
        state.gap = gaps.into_iter().flatten().max().map(|gap| (gap, Instant::now() + VALID));
        let changed = before || state.gap.is_some();
        drop(state);
        if changed {
            self.changed.notify_one();
        }
    }

    /// The distance that is kept now.
    pub fn gap(&self) -> Duration {
        self.lock().gap.map_or(Duration::ZERO, |(gap, _)| gap)
    }

    /// When the next call keeps its distance; none when it may go, and then it is counted as gone.
    fn next(&self) -> Option<Instant> {
        let mut state = self.lock();
        let now = Instant::now();
        state.gap = state.gap.filter(|(_, until)| *until > now);
        let at = state.gap.zip(state.last).map(|((gap, _), last)| last + gap).filter(|at| *at > now);
        if at.is_none() {
            state.last = Some(now);
        }
        at
    }

    fn lock(&self) -> PlainGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The distance that uses as much as comes back, when what is left would not last for the calls under way or is little.
fn gap(left: Option<Left>, a_call: f64, in_flight: usize) -> Option<Duration> {
    let Left { remaining, limit, whole_in } = left?;
    let (remaining, used) = (remaining as f64, limit.map(|limit| limit.saturating_sub(remaining) as f64));
    let little = limit.map_or(0.0, |limit| limit as f64 * LITTLE);
    if remaining > little.max(in_flight as f64 * a_call) {
        return None;
    }
    // what was used comes back evenly; where the limit is not told, what is left has to last
    let per_unit = match used {
        Some(used) if used >= 1.0 => whole_in.as_secs_f64() / used,
        _ => whole_in.as_secs_f64() / (remaining + a_call),
    };
    Some(Duration::from_secs_f64((per_unit * a_call).min(FARTHEST.as_secs_f64())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(remaining: u64, limit: Option<u64>, seconds: u64) -> Option<Left> {
        Some(Left { remaining, limit, whole_in: Duration::from_secs(seconds) })
    }

    #[test]
    fn the_distance_uses_what_comes_back() {
        for (left, a_call, in_flight, wanted) in [
            (left(400, Some(600), 20), 1.0, 8, None),
            (left(0, Some(600), 60), 1.0, 8, Some(100)),
            (left(30, Some(600), 57), 1.0, 8, Some(100)),
            (left(100, Some(600), 50), 1.0, 200, Some(100)),
            (left(1_000, Some(60_000), 59), 500.0, 4, Some(500)),
            (left(19, None, 10), 1.0, 64, Some(500)),
            (left(65, None, 10), 1.0, 64, None),
            (left(0, Some(1), 3_600), 1.0, 1, Some(5_000)),
            (None, 1.0, 1, None),
        ] {
            let found = gap(left, a_call, in_flight).map(|gap| gap.as_millis());
            assert_eq!(found, wanted, "{left:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_keep_the_distance_until_told_otherwise() {
        let pace = Pace::default();
        let start = Instant::now();
        pace.pass().await;
        pace.told(&Told { requests: left(0, Some(60), 60), tokens: None }, 1, 10);
        for _ in 0..5 {
            pace.pass().await;
        }
        assert_eq!(
            start.elapsed(),
            Duration::from_secs(4),
            "the first call after the hint has none before it"
        );
        pace.told(&Told { requests: left(50, Some(60), 10), tokens: None }, 1, 10);
        pace.pass().await;
        assert_eq!(start.elapsed(), Duration::from_secs(4));
        assert_eq!(pace.gap(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_is_let_go_when_the_hint_is_taken_back_or_old() {
        let pace = std::sync::Arc::new(Pace::default());
        let little = Told { requests: left(0, Some(1), 60), tokens: None };
        pace.told(&little, 1, 10);
        pace.pass().await;
        let start = Instant::now();
        let waiting = tokio::spawn({
            let pace = std::sync::Arc::clone(&pace);
            async move { pace.pass().await }
        });
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(!waiting.is_finished());
        pace.told(&Told { requests: left(1, Some(1), 0), tokens: None }, 0, 10);
        waiting.await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        pace.told(&little, 1, 10);
        tokio::time::sleep(VALID).await;
        pace.pass().await;
        pace.pass().await;
        assert_eq!(start.elapsed(), VALID + Duration::from_secs(1));
    }
}
