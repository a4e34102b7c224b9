//! When a call may go out: within the declared limits, at the provider's pace, with a free place, past the breaker.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::breaker::{GaveUp, Mark, Pass};
use super::limiter::Permit;
use super::provider::Line;
use super::rates::{Call, Reservation, Shape};

/// Leave for one call. The permit is dropped when it has ended, the pass and the reservation are told how.
pub struct Leave {
    pub permit: Permit,
    pub pass: Pass,
    /// None: no limits are declared.
    pub reservation: Option<Reservation>,
}

/// How many calls wait for leave.
#[derive(Default)]
pub struct Waiting(AtomicUsize);

struct Waits<'line>(&'line Waiting);

impl Waiting {
    /// How many wait now.
    pub fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    fn one(&self) -> Waits<'_> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Waits(self)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Waits until a call of this shape may go out on `line`; dropping the future gives everything back.
///
/// Room is looked for first and taken last: a call that then waits out a cool-down must count from when it goes out.
///
/// # Errors
/// When the provider was given up since `mark`.
pub async fn leave(line: &Line, shape: Option<Shape>, call: Call, mark: Mark) -> Result<Leave, GaveUp> {
    let _waits = line.waiting.one();
    let Some((rates, shape)) = line.rates.as_ref().zip(shape) else {
        line.pace.pass().await;
        let permit = line.limiter.acquire().await;
        let pass = line.breaker.pass(mark).await?;
        return Ok(Leave { permit, pass, reservation: None });
    };
    let turn = rates.turn(shape, call).await;
    loop {
        turn.room().await;
        line.pace.pass().await;
        let permit = line.limiter.acquire().await;
        let pass = line.breaker.pass(mark).await?;
        if let Some(reservation) = turn.take() {
            return Ok(Leave { permit, pass, reservation: Some(reservation) });
        }
    }
}
