//! Bounds how many retries a provider gets: a share of the calls, and a few a second at least.

use std::sync::{Mutex, PoisonError};

use tokio::time::{Duration, Instant, sleep_until};

/// The limits of a budget.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BudgetSettings {
    /// Retries a first call earns.
    pub ratio: f64,
    /// Retries a second that are always there.
    pub per_second: f64,
}

/// A token bucket; it holds at most ten seconds' worth of the steady part.
pub struct Budget {
    settings: BudgetSettings,
    state: Mutex<(f64, Instant)>,
}

impl Budget {
    /// A full budget.
    pub fn new(settings: BudgetSettings) -> Self {
        Self { settings, state: Mutex::new((settings.per_second * 10.0, Instant::now())) }
    }

    /// Counts a first call.
    pub fn earn(&self) {
        self.refill(self.settings.ratio);
    }

    /// Waits until a retry is allowed, and takes it.
    pub async fn spend(&self) {
        while let Some(at) = self.next() {
            sleep_until(at).await;
        }
    }

    /// Takes a retry, or says when to ask again.
    fn next(&self) -> Option<Instant> {
        let tokens = self.refill(0.0);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if tokens >= 1.0 {
            state.0 -= 1.0;
            return None;
        }
        let missing = (1.0 - tokens) / self.settings.per_second;
        Some(state.1 + Duration::from_secs_f64(missing.clamp(0.001, 60.0)))
    }

    fn refill(&self, earned: f64) -> f64 {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let steady = now.duration_since(state.1).as_secs_f64() * self.settings.per_second;
        *state = ((state.0 + steady + earned).min(self.settings.per_second * 10.0), now);
        state.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn retries_beyond_the_budget_wait_for_the_steady_part() {
        let budget = Budget::new(BudgetSettings { ratio: 0.1, per_second: 3.0 });
        let start = Instant::now();
        for _ in 0..30 {
            budget.spend().await;
        }
        assert!(start.elapsed() < Duration::from_millis(10));
        for _ in 0..6 {
            budget.spend().await;
        }
        let waited = start.elapsed();
        assert!(waited > Duration::from_millis(1900) && waited < Duration::from_millis(2200), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn first_calls_earn_retries() {
        let budget = Budget::new(BudgetSettings { ratio: 0.1, per_second: 3.0 });
        for _ in 0..30 {
            budget.spend().await;
        }
        (0..20).for_each(|_| budget.earn());
        let start = Instant::now();
        budget.spend().await;
        budget.spend().await;
        assert!(start.elapsed() < Duration::from_millis(10));
    }
}
