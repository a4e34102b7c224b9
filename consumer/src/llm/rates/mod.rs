//! Limits that a recipe declares for its model: requests, input tokens and output tokens in a minute.
//!
//! They are those of one consumer process. Recipes that name the same model, key and limits share them. Whoever came
//! first goes first, but requests that have called already go before those that have not: what they began would be lost
//! if they had to be given back. A call is written down with the tokens it will probably take and corrected by its
//! answer.
//!
//! `ledger` says when there is room; `estimate` how much a call takes.

mod estimate;
mod ledger;

use std::sync::{Arc, Mutex as PlainMutex, MutexGuard as PlainGuard, PoisonError};

use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::{Instant, sleep_until};

use crate::contract::ModelLimits;
pub use estimate::{Estimate, Shape};
use ledger::{Amounts, Bounds, Ledger};

/// What one set of declared limits has let through.
pub struct Rates {
    bounds: Bounds,
    /// Fair, as the queue is. Only its holder may stand in the queue for a first call.
    door: Mutex<()>,
    /// Fair: who waits longest is next. Only its holder may take room, so nobody overtakes.
    queue: Mutex<()>,
    state: PlainMutex<State>,
    /// An answer took less than expected.
    freed: Notify,
}

#[derive(Default)]
struct State {
    ledger: Ledger,
    estimate: Estimate,
}

/// Which of its request's calls one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    First,
    Later,
}

/// The turn of one call; others wait until it is dropped.
pub struct Turn<'rates> {
    rates: &'rates Arc<Rates>,
    shape: Shape,
    _first: MutexGuard<'rates, ()>,
    /// Given back last, so that those who have called before are ahead in the queue.
    _door: Option<MutexGuard<'rates, ()>>,
}

/// Room that a call has taken. Dropped before [`Reservation::sent`] it gives all back.
pub struct Reservation {
    rates: Arc<Rates>,
    number: u64,
    shape: Shape,
    need: Amounts,
    sent: Sent,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    NotYet,
    /// What becomes of it is not known, until its answer tells.
    Gone,
}

impl Rates {
    /// Nothing has gone out yet.
    pub fn new(limits: &ModelLimits) -> Arc<Self> {
        let bounds =
            [limits.requests_per_minute, limits.input_tokens_per_minute, limits.output_tokens_per_minute];
        Arc::new(Self {
            bounds,
            door: Mutex::default(),
            queue: Mutex::default(),
            state: PlainMutex::default(),
            freed: Notify::new(),
        })
    }

    /// Waits for the turn of a call of this shape.
    pub async fn turn(self: &Arc<Self>, shape: Shape, call: Call) -> Turn<'_> {
        let door = match call {
            Call::First => Some(self.door.lock().await),
            Call::Later => None,
        };
        Turn { rates: self, shape, _first: self.queue.lock().await, _door: door }
    }

    fn correct(&self, number: u64, amounts: Amounts) {
        self.lock().ledger.correct(number, amounts);
        self.freed.notify_one();
    }

    fn lock(&self) -> PlainGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// Waits until the call fits; takes nothing, because other waits may follow.
    pub async fn room(&self) {
        loop {
            let freed = self.rates.freed.notified();
            tokio::pin!(freed);
            // registered before the look, so that a correction in between is not missed
            freed.as_mut().enable();
            let Some(at) = self.wait(&mut self.rates.lock()).1 else { return };
            tokio::select! {
                () = sleep_until(at) => {}
                () = freed => {}
            }
        }
    }

    /// Takes the room now, or none when a correction has used it up meanwhile.
    pub fn take(&self) -> Option<Reservation> {
        let mut state = self.rates.lock();
        let (need, None) = self.wait(&mut state) else { return None };
        let number = state.ledger.take(Instant::now(), need);
        Some(Reservation {
            rates: Arc::clone(self.rates),
            number,
            shape: self.shape,
            need,
            sent: Sent::NotYet,
        })
    }

    fn wait(&self, state: &mut State) -> (Amounts, Option<Instant>) {
        let (input, output) = state.estimate.tokens(&self.shape);
        let need = [1, input, output];
        (need, state.ledger.wait(Instant::now(), need, &self.rates.bounds))
    }
}

impl Reservation {
    /// The call goes out: from now on it counts, whatever becomes of it.
    pub fn sent(&mut self) {
        self.sent = Sent::Gone;
    }

    /// The answer came and says what it took; without numbers the estimate stands.
    pub fn answered(self, input: u64, output: u64) {
        if input > 0 || output > 0 {
            self.rates.lock().estimate.learn(&self.shape, input, output);
            self.rates.correct(self.number, [1, input, output]);
        }
    }

    /// The provider refused it: a request, but no tokens.
    pub fn refused(self) {
        self.rates.correct(self.number, [self.need[0], 0, 0]);
    }

    /// The provider never saw it.
    pub fn unreached(self) {
        self.rates.correct(self.number, Amounts::default());
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.sent == Sent::NotYet {
            self.rates.correct(self.number, Amounts::default());
        }
    }
}

#[cfg(test)]
mod tests;
