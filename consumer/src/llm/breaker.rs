//! Stops calls to a provider that fails or cannot be reached, and probes until it is back.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

const WINDOW: Duration = Duration::from_secs(10);
const FEWEST_CALLS: usize = 20;
/// Connections refused in a row that open it: no window of 20 is needed to see that nobody listens.
const UNREACHABLE_STREAK: u32 = 5;
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// What a call said about its provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// It answered, even if with a refusal.
    Up,
    /// 5xx, timeout, broken off.
    Down,
    /// No connection.
    Unreachable,
}

/// What a report changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    None,
    /// From now on only probes go out; `unreachable` says why.
    Opened {
        unreachable: bool,
    },
    /// It could not be reached for as long as one waits.
    GaveUp,
}

/// The provider could not be reached for as long as one waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GaveUp;

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Closed,
    /// No call goes out before the next probe.
    Open,
    Probing,
}

impl Standing {
    /// The state as one word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::Probing => "probing",
        }
    }
}

/// A moment in a breaker's life.
#[derive(Debug, Clone, Copy)]
pub struct Mark(u64);

/// The breaker of one provider.
pub struct Breaker {
    state: Mutex<State>,
    changed: Notify,
    /// How long a provider may be unreachable before its jobs are blocked.
    patience: Duration,
}

struct State {
    recent: VecDeque<(Instant, bool)>,
    phase: Phase,
    unreachable_since: Option<Instant>,
    streak: u32,
    /// Counts the times it gave up: who waited through one is told.
    given_up: u64,
}

#[derive(Clone, Copy)]
enum Phase {
    Closed,
    Open { probe_at: Instant },
    Probing,
}

enum Turn {
    Go { probe: bool },
    At(Instant),
    WhenChanged,
    GaveUp,
}

/// Leave for one call; it must be reported on, a probe dropped without a report lets the next one probe.
pub struct Pass {
    breaker: Arc<Breaker>,
    probe: bool,
}

impl Breaker {
    /// A closed breaker.
    pub fn new(patience: Duration) -> Arc<Self> {
        let state = State {
            recent: VecDeque::new(),
            phase: Phase::Closed,
            unreachable_since: None,
            streak: 0,
            given_up: 0,
        };
        Arc::new(Self { state: Mutex::new(state), changed: Notify::new(), patience })
    }

    /// This moment, to be handed to [`Breaker::pass`] after other waits.
    pub fn mark(&self) -> Mark {
        Mark(self.lock().given_up)
    }

    /// Waits until a call may go out.
    ///
    /// # Errors
    /// When the provider was given up since `mark`.
    pub async fn pass(self: &Arc<Self>, mark: Mark) -> Result<Pass, GaveUp> {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.turn(mark) {
                Turn::Go { probe } => return Ok(Pass { breaker: Arc::clone(self), probe }),
                Turn::GaveUp => return Err(GaveUp),
                Turn::WhenChanged => changed.await,
                Turn::At(moment) => tokio::select! {
                    () = sleep_until(moment) => {}
                    () = changed => {}
                },
            }
        }
    }

    /// How it stands now.
    pub fn standing(&self) -> Standing {
        match self.lock().phase {
            Phase::Closed => Standing::Closed,
            Phase::Open { .. } => Standing::Open,
            Phase::Probing => Standing::Probing,
        }
    }

    fn turn(&self, mark: Mark) -> Turn {
        let mut state = self.lock();
        if state.given_up != mark.0 {
            return Turn::GaveUp;
        }
        match state.phase {
            Phase::Closed => Turn::Go { probe: false },
            Phase::Probing => Turn::WhenChanged,
            Phase::Open { probe_at } if probe_at > Instant::now() => Turn::At(probe_at),
            Phase::Open { .. } => {
                state.phase = Phase::Probing;
                Turn::Go { probe: true }
            }
        }
    }

    fn report(&self, health: Health, probe: bool) -> Change {
        let mut state = self.lock();
        let now = Instant::now();
        let change = match health {
            Health::Up => state.up(now, probe),
            Health::Down => state.down(now, probe),
            Health::Unreachable => state.unreachable(now, self.patience),
        };
        drop(state);
        self.changed.notify_waiters();
        change
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn up(&mut self, now: Instant, probe: bool) -> Change {
        self.unreachable_since = None;
        self.streak = 0;
        if probe {
            self.recent.clear();
            self.phase = Phase::Closed;
        }
        self.count(now, true);
        Change::None
    }

    fn down(&mut self, now: Instant, probe: bool) -> Change {
        self.unreachable_since = None;
        self.streak = 0;
        self.count(now, false);
        let failures = self.recent.iter().filter(|(_, good)| !good).count();
        let failing = self.recent.len() >= FEWEST_CALLS && 2 * failures >= self.recent.len();
        if probe || failing { self.open(now, None) } else { Change::None }
    }

    fn unreachable(&mut self, now: Instant, patience: Duration) -> Change {
        let since = *self.unreachable_since.get_or_insert(now);
        self.streak += 1;
        if now.duration_since(since) >= patience {
            self.given_up += 1;
            self.unreachable_since = None;
            self.streak = 0;
            self.phase = Phase::Closed;
            self.recent.clear();
            return Change::GaveUp;
        }
        let probing = !matches!(self.phase, Phase::Closed);
        if probing || self.streak >= UNREACHABLE_STREAK {
            return self.open(now, Some(since + patience));
        }
        Change::None
    }

    /// Opens or stays open; the next probe comes no later than `deadline`.
    fn open(&mut self, now: Instant, deadline: Option<Instant>) -> Change {
        let was_closed = matches!(self.phase, Phase::Closed);
        let at = now + PROBE_EVERY.mul_f64(0.8 + 0.4 * fastrand::f64());
        self.phase = Phase::Open { probe_at: deadline.map_or(at, |deadline| at.min(deadline)) };
        match was_closed {
            true => Change::Opened { unreachable: deadline.is_some() },
            false => Change::None,
        }
    }

    fn count(&mut self, now: Instant, good: bool) {
        self.recent.push_back((now, good));
        while self.recent.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.recent.pop_front();
        }
    }
}

impl Pass {
    /// Says how the call went.
    pub fn report(mut self, health: Health) -> Change {
        let probe = std::mem::take(&mut self.probe);
        self.breaker.report(health, probe)
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if self.probe {
            self.breaker.lock().phase = Phase::Open { probe_at: Instant::now() };
            self.breaker.changed.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    async fn send(breaker: &Arc<Breaker>, health: Health) -> Change {
        breaker.pass(breaker.mark()).await.expect("a pass").report(health)
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_twenty_failing_opens_it_and_a_good_probe_closes_it() {
        let breaker = Breaker::new(PATIENCE);
        for _ in 0..10 {
            assert_eq!(send(&breaker, Health::Up).await, Change::None);
        }
        for _ in 0..9 {
            assert_eq!(send(&breaker, Health::Down).await, Change::None);
        }
        assert_eq!(send(&breaker, Health::Down).await, Change::Opened { unreachable: false });
        let start = Instant::now();
        assert_eq!(send(&breaker, Health::Down).await, Change::None);
        assert!(start.elapsed() >= Duration::from_secs(4), "a probe waits its time");
        send(&breaker, Health::Up).await;
        let start = Instant::now();
        send(&breaker, Health::Up).await;
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn old_failures_are_forgotten() {
        let breaker = Breaker::new(PATIENCE);
        for _ in 0..19 {
            send(&breaker, Health::Down).await;
        }
        tokio::time::sleep(Duration::from_secs(11)).await;
        assert_eq!(send(&breaker, Health::Down).await, Change::None);
    }

    #[tokio::test(start_paused = true)]
    async fn only_one_probe_flies_at_a_time() {
        let breaker = Breaker::new(PATIENCE);
        for _ in 0..20 {
            send(&breaker, Health::Down).await;
        }
        let probe = breaker.pass(breaker.mark()).await.unwrap();
        let second = tokio::time::timeout(Duration::from_secs(60), breaker.pass(breaker.mark())).await;
        assert!(second.is_err());
        drop(probe);
        assert!(breaker.pass(breaker.mark()).await.is_ok(), "a probe that was dropped is replaced");
    }

    #[tokio::test(start_paused = true)]
    async fn a_provider_that_stays_unreachable_is_given_up_for_all_who_wait() {
        let breaker = Breaker::new(PATIENCE);
        let start = Instant::now();
        for _ in 0..4 {
            assert_eq!(send(&breaker, Health::Unreachable).await, Change::None);
        }
        assert_eq!(send(&breaker, Health::Unreachable).await, Change::Opened { unreachable: true });
        let waiter = tokio::spawn({
            let breaker = Arc::clone(&breaker);
            async move { breaker.pass(breaker.mark()).await.map(|pass| pass.report(Health::Unreachable)) }
        });
        let mut changes = Vec::new();
        while changes.last() != Some(&Change::GaveUp) && start.elapsed() < 2 * PATIENCE {
            match breaker.pass(breaker.mark()).await {
                Ok(pass) => changes.push(pass.report(Health::Unreachable)),
                Err(GaveUp) => break,
            }
        }
        assert!(start.elapsed() >= PATIENCE && start.elapsed() < PATIENCE + PROBE_EVERY);
        assert!(waiter.await.is_ok());
        assert!(breaker.pass(breaker.mark()).await.is_ok(), "who comes later starts afresh");
    }
}
