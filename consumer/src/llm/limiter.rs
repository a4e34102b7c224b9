//! How many calls may be in flight to one model at one address: additive increase, multiplicative decrease.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use super::backoff::Backoff;

/// Calls in flight at the start.
const START: usize = 16;
/// Share of the limit that is left after a burst of 429s.
const DECREASE: f64 = 0.75;
/// So long without a 429 and the provider counts as keeping up again.
const CALM: Duration = Duration::from_secs(60);
/// Successes that raise the limit by one, once a 429 has ended the ramp.
const SUCCESSES_PER_STEP: usize = 25;

/// The limiter of one (address, route).
pub struct Limiter {
    state: Mutex<State>,
    freed: Notify,
    ceiling: usize,
    backoff: Backoff,
}

struct State {
    limit: usize,
    in_flight: usize,
    /// Until the first 429 each success raises the limit by one, which doubles it each round trip.
    ramping: bool,
    successes: usize,
    /// Counts the cuts: a 429 of a call that started before the last cut belongs to the same burst.
    burst: u64,
    bursts_in_a_row: u32,
    cool_until: Option<Instant>,
    /// Within this time a 429 is no news.
    saturated_until: Option<Instant>,
}

/// Leave for one call; dropping it frees the place.
pub struct Permit {
    limiter: Arc<Limiter>,
    burst: u64,
}

/// Whether a 429 was news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Throttle {
    /// The provider was keeping up until now.
    Saturated,
    /// It had said so before.
    Still,
}

enum Turn {
    Now(u64),
    At(Instant),
    WhenFreed,
}

impl Limiter {
    /// A limiter that never lets more than `ceiling` calls fly.
    pub fn new(ceiling: usize, backoff: Backoff) -> Arc<Self> {
        let state = State {
            limit: START.min(ceiling),
            in_flight: 0,
            ramping: true,
            successes: 0,
            burst: 0,
            bursts_in_a_row: 0,
            cool_until: None,
            saturated_until: None,
        };
        Arc::new(Self { state: Mutex::new(state), freed: Notify::new(), ceiling, backoff })
    }

    /// Waits for a place, and for the end of a cool-down.
    pub async fn acquire(self: &Arc<Self>) -> Permit {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // registered before the look, so that a place freed in between is not missed
            freed.as_mut().enable();
            match self.turn() {
                Turn::Now(burst) => return Permit { limiter: Arc::clone(self), burst },
                Turn::At(end) => sleep_until(end).await,
                Turn::WhenFreed => freed.await,
            }
        }
    }

    /// Counts an answer that was not a 429.
    pub fn succeeded(&self) {
        let mut state = self.lock();
        state.bursts_in_a_row = 0;
        state.successes += 1;
        let step = if state.ramping { 1 } else { SUCCESSES_PER_STEP };
        if state.successes >= step {
            state.successes = 0;
            state.limit = (state.limit + 1).min(self.ceiling);
        }
    }

    /// Counts a 429: cuts the limit once a burst and lets nobody start before the cool-down has ended.
    pub fn throttled(&self, permit: &Permit, asked: Option<Duration>) -> Throttle {
        let mut state = self.lock();
        let now = Instant::now();
        let news = match state.saturated_until {
            Some(end) if end > now => Throttle::Still,
            _ => Throttle::Saturated,
        };
        state.saturated_until = Some(now + CALM);
        if permit.burst == state.burst {
            state.burst += 1;
            state.bursts_in_a_row += 1;
            state.ramping = false;
            state.successes = 0;
            state.limit = ((state.limit as f64 * DECREASE) as usize).max(1);
        }
        let wait = asked.unwrap_or_else(|| self.backoff.throttled(state.bursts_in_a_row));
        let end = now + wait;
        state.cool_until = Some(state.cool_until.map_or(end, |set| set.max(end)));
        news
    }

    /// How many calls may fly now.
    pub fn limit(&self) -> usize {
        self.lock().limit
    }

    /// How many fly.
    pub fn in_flight(&self) -> usize {
        self.lock().in_flight
    }

    fn turn(&self) -> Turn {
        let mut state = self.lock();
        if let Some(end) = state.cool_until {
            if end > Instant::now() {
                return Turn::At(end);
            }
            state.cool_until = None;
        }
        if state.in_flight >= state.limit {
            return Turn::WhenFreed;
        }
        state.in_flight += 1;
        if state.in_flight < state.limit {
            // one wakes the next: after a cool-down or a raised limit several places are free at once
            self.freed.notify_one();
        }
        Turn::Now(state.burst)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.limiter.lock().in_flight -= 1;
        self.limiter.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter(ceiling: usize) -> Arc<Limiter> {
        Limiter::new(ceiling, Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(30) })
    }

    async fn take(limiter: &Arc<Limiter>, count: usize) -> Vec<Permit> {
        let mut permits = Vec::new();
        for _ in 0..count {
            permits.push(limiter.acquire().await);
        }
        permits
    }

    #[tokio::test(start_paused = true)]
    async fn the_limit_doubles_each_round_trip_until_the_ceiling() {
        let limiter = limiter(100);
        assert_eq!(limiter.limit(), 16);
        for expected in [32, 64, 100, 100] {
            let flying = take(&limiter, limiter.limit()).await;
            flying.iter().for_each(|_| limiter.succeeded());
            assert_eq!(limiter.limit(), expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_429s_cuts_once_and_25_successes_raise_by_one() {
        let limiter = limiter(16);
        let flying = take(&limiter, 16).await;
        assert_eq!(limiter.throttled(&flying[0], None), Throttle::Saturated);
        for permit in &flying[1..] {
            assert_eq!(limiter.throttled(permit, None), Throttle::Still);
        }
        assert_eq!(limiter.limit(), 12);
        drop(flying);
        let next = limiter.acquire().await;
        (0..24).for_each(|_| limiter.succeeded());
        assert_eq!(limiter.limit(), 12);
        limiter.succeeded();
        assert_eq!(limiter.limit(), 13);
        assert_eq!(limiter.throttled(&next, None), Throttle::Still);
        assert_eq!(limiter.limit(), 9);
        tokio::time::sleep(CALM).await;
        assert_eq!(limiter.throttled(&next, None), Throttle::Saturated, "after a calm it is news again");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_starts_during_a_cool_down() {
        let limiter = limiter(4);
        let permit = limiter.acquire().await;
        limiter.throttled(&permit, Some(Duration::from_secs(7)));
        drop(permit);
        let start = Instant::now();
        let _next = limiter.acquire().await;
        assert_eq!(start.elapsed().as_secs(), 7);
    }

    #[tokio::test(start_paused = true)]
    async fn everyone_who_waits_gets_a_turn() {
        let limiter = limiter(8);
        let mut tasks = tokio::task::JoinSet::new();
        for turn in 0..200u32 {
            let limiter = Arc::clone(&limiter);
            tasks.spawn(async move {
                let permit = limiter.acquire().await;
                tokio::time::sleep(Duration::from_millis(10)).await;
                if turn % 10 == 0 {
                    limiter.throttled(&permit, Some(Duration::from_millis(50)));
                } else {
                    limiter.succeeded();
                }
            });
        }
        assert_eq!(tasks.join_all().await.len(), 200);
        assert_eq!(limiter.lock().in_flight, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn never_more_than_the_limit_fly() {
        let limiter = limiter(3);
        let flying = take(&limiter, 3).await;
        let fourth = tokio::time::timeout(Duration::from_secs(60), limiter.acquire()).await;
        assert!(fourth.is_err());
        drop(flying);
        limiter.acquire().await;
    }
}
