//! What went out in the last minute, and when more may. Pure: the moment is handed in.
//!
//! In any minute no more goes out than the limit. Within it the same is held for shorter spans in proportion, but
//! softly, because providers commonly refuse a minute's worth that comes in one second.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Requests, input tokens and output tokens, in this order.
pub type Amounts = [u64; 3];
/// Their limits for a minute, none where there is none.
pub type Bounds = [Option<u64>; 3];

const MINUTE: Duration = Duration::from_secs(60);
/// The last one is the minute itself.
const SPANS: [Duration; 3] = [Duration::from_secs(1), Duration::from_secs(10), MINUTE];

/// The calls of the last minute.
pub struct Ledger {
    entries: VecDeque<Entry>,
    /// The number of the first entry; numbers never come again.
    first: u64,
    spans: [Span; SPANS.len()],
}

struct Entry {
    at: Instant,
    amounts: Amounts,
}

/// What lies within the last so-and-so many seconds.
#[derive(Default, Clone, Copy)]
struct Span {
    /// The number of its oldest entry.
    start: u64,
    sum: Amounts,
}

impl Default for Ledger {
    fn default() -> Self {
        Self { entries: VecDeque::new(), first: 0, spans: [Span::default(); SPANS.len()] }
    }
}

impl Ledger {
    /// The moment from which `need` fits, none when it fits now. A call that alone is above a limit fits when
    /// nothing else went out within the minute: nobody but the provider can refuse it.
    pub fn wait(&mut self, now: Instant, need: Amounts, bounds: &Bounds) -> Option<Instant> {
        self.forget(now);
        let mut latest = None;
        for (kind, bound) in bounds.iter().enumerate() {
            let Some(bound) = *bound else { continue };
            for (index, length) in SPANS.iter().enumerate() {
                // all in sixtieths of the unit, so that a share of a small limit is not rounded away
                let (most, new) = match index + 1 == SPANS.len() {
                    true => (bound * 60, need[kind] * 60),
                    false => (bound * length.as_secs() - 1, 0),
                };
                latest = latest.max(self.freed(index, kind, most.saturating_sub(new)));
            }
        }
        latest
    }

    /// Writes a call down; the number is for [`Ledger::correct`].
    pub fn take(&mut self, now: Instant, need: Amounts) -> u64 {
        self.forget(now);
        self.entries.push_back(Entry { at: now, amounts: need });
        for span in &mut self.spans {
            add(&mut span.sum, need);
        }
        self.first + self.entries.len() as u64 - 1
    }

    /// Puts what it really was in place of what was expected, unless it is long past.
    pub fn correct(&mut self, number: u64, amounts: Amounts) {
        let Some(place) = number.checked_sub(self.first) else { return };
        let Some(entry) = usize::try_from(place).ok().and_then(|place| self.entries.get_mut(place)) else {
            return;
        };
        let before = std::mem::replace(&mut entry.amounts, amounts);
        for span in self.spans.iter_mut().filter(|span| span.start <= number) {
            take_away(&mut span.sum, before);
            add(&mut span.sum, amounts);
        }
    }

    /// When the sum of `kind` in a span has fallen to `most` sixtieths or to nothing; none when it has.
    fn freed(&self, span: usize, kind: usize, most: u64) -> Option<Instant> {
        let Span { start, sum } = self.spans[span];
        let mut left = sum[kind];
        let mut until = None;
        let skipped = usize::try_from(start - self.first).unwrap_or(usize::MAX);
        let mut entries = self.entries.iter().skip(skipped);
        while left > 0 && left.saturating_mul(60) > most {
            let entry = entries.next()?;
            left -= entry.amounts[kind];
            until = Some(entry.at + SPANS[span]);
        }
        until
    }

    fn forget(&mut self, now: Instant) {
        for (span, length) in self.spans.iter_mut().zip(SPANS) {
            while let Some(entry) =
                usize::try_from(span.start - self.first).ok().and_then(|place| self.entries.get(place))
                && entry.at + length <= now
            {
                take_away(&mut span.sum, entry.amounts);
                span.start += 1;
            }
        }
        let past = self.spans[SPANS.len() - 1].start - self.first;
        self.entries.drain(..usize::try_from(past).unwrap_or(0).min(self.entries.len()));
        self.first += past;
    }
}

fn add(sum: &mut Amounts, amounts: Amounts) {
    sum.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum += amount);
}

fn take_away(sum: &mut Amounts, amounts: Amounts) {
    sum.iter_mut().zip(amounts).for_each(|(sum, amount)| *sum -= amount);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(count: f64) -> Duration {
        Duration::from_secs_f64(count)
    }

    #[test]
    fn a_correction_frees_or_takes_room() {
        let (mut ledger, start) = (Ledger::default(), Instant::now());
        let bounds = [None, Some(100), None];
        let call = ledger.take(start, [1, 90, 0]);
        let later = start + seconds(20.0);
        assert_eq!(ledger.wait(later, [1, 20, 0], &bounds), Some(start + MINUTE));
        ledger.correct(call, [1, 30, 0]);
        assert_eq!(ledger.wait(later, [1, 20, 0], &bounds), None);
        ledger.correct(call, [1, 99, 0]);
        assert_eq!(ledger.wait(later, [1, 20, 0], &bounds), Some(start + MINUTE));
        assert_eq!(ledger.wait(start + MINUTE, [1, 20, 0], &bounds), None);
        ledger.correct(call, [1, 5, 0]);
        assert_eq!(ledger.wait(start + MINUTE, [1, 100, 0], &bounds), None, "it was past");
    }

    #[test]
    fn a_call_above_the_limit_goes_out_alone() {
        let (mut ledger, start) = (Ledger::default(), Instant::now());
        let bounds = [None, None, Some(10)];
        assert_eq!(ledger.wait(start, [1, 0, 50], &bounds), None);
        ledger.take(start, [1, 0, 50]);
        assert_eq!(ledger.wait(start + seconds(30.0), [1, 0, 1], &bounds), Some(start + MINUTE));
    }

    #[test]
    fn a_minutes_worth_does_not_come_in_one_second() {
        let (mut ledger, start) = (Ledger::default(), Instant::now());
        let bounds = [Some(600), None, None];
        for _ in 0..10 {
            assert_eq!(ledger.wait(start, [1, 0, 0], &bounds), None);
            ledger.take(start, [1, 0, 0]);
        }
        assert_eq!(ledger.wait(start, [1, 0, 0], &bounds), Some(start + seconds(1.0)));
    }

    proptest! {
        #[test]
        fn no_minute_holds_more_than_the_limit(
            limit in 1u64..200, tokens in proptest::collection::vec((1u64..60, 0.0f64..3.0), 1..200)
        ) {
            let (mut ledger, mut now) = (Ledger::default(), Instant::now());
            let bounds = [Some(limit), Some(limit * 20), None];
            let mut sent: Vec<(Instant, u64)> = Vec::new();
            for (tokens, pause) in tokens {
                now += seconds(pause);
                while let Some(at) = ledger.wait(now, [1, tokens, 0], &bounds) {
                    prop_assert!(at > now);
                    now = at;
                }
                ledger.take(now, [1, tokens, 0]);
                sent.push((now, tokens));
                let minute: Vec<u64> =
                    sent.iter().filter(|(at, _)| *at + MINUTE > now).map(|(_, tokens)| *tokens).collect();
                prop_assert!(minute.len() as u64 <= limit);
                prop_assert!(minute.len() == 1 || minute.iter().sum::<u64>() <= limit * 20);
            }
        }
    }
}
