//! The calls of one delivery, and how long it may wait for the next.

use tokio::time::{Duration, Instant, sleep_until};

use super::rates::Call;
use crate::ids;

/// How much longer a request may wait once it has called: given back, it would begin anew and pay again.
const LONGER_ONCE_CALLED: u32 = 5;

/// Numbers the calls of one delivery, and knows since when it is here.
pub struct Calls {
    delivery: u32,
    made: u32,
    since: Instant,
}

impl Default for Calls {
    fn default() -> Self {
        Self { delivery: fastrand::u32(..), made: 0, since: Instant::now() }
    }
}

impl Calls {
    /// The id that one more call will have.
    pub fn upcoming(&self, request_id: &str) -> String {
        ids::call_id(request_id, self.made + 1, self.delivery)
    }

    /// The id of one more call.
    pub fn next(&mut self, request_id: &str) -> String {
        let id = self.upcoming(request_id);
        self.made += 1;
        id
    }

    /// Which call comes next.
    pub fn coming(&self) -> Call {
        if self.made == 0 { Call::First } else { Call::Later }
    }

    /// Returns when the delivery has waited long enough to be given back.
    pub async fn waited(&self, hold: Option<Duration>) {
        let Some(hold) = hold else { return std::future::pending().await };
        let times = if self.made == 0 { 1 } else { LONGER_ONCE_CALLED };
        sleep_until(self.since + hold * times).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn held(calls: &Calls, hold: Duration) -> Duration {
        let start = Instant::now();
        calls.waited(Some(hold)).await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn what_has_called_may_wait_longer_than_what_has_not() {
        let (mut calls, hold) = (Calls::default(), Duration::from_secs(180));
        assert_eq!((calls.coming(), held(&calls, hold).await), (Call::First, hold));
        calls.next("r");
        assert_eq!((calls.coming(), held(&calls, hold).await), (Call::Later, 4 * hold));
        assert_eq!(held(&calls, hold).await, Duration::ZERO, "it is counted from the delivery on");
    }
}
