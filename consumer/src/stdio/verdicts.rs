//! Offers that wait for their verdict line, for `--admission ask`.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use tokio::sync::oneshot;

use crate::contract::{VerdictKind, VerdictLine};
use crate::store::{StoreGone, Verdict};

/// The offers without an answer yet.
#[derive(Default)]
pub struct Verdicts(Mutex<State>);

#[derive(Default)]
struct State {
    /// A slot may be offered twice at once when its request was delivered twice: verdicts go round in order.
    waiting: HashMap<(String, u32), VecDeque<oneshot::Sender<Verdict>>>,
    /// Input has ended: no verdict can come any more.
    closed: bool,
}

/// Whether a verdict had an offer to go to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Yes,
    NobodyAsked,
}

impl Verdicts {
    /// A place to wait for the verdict on `record_id` in `round`; made before the offer is written.
    ///
    /// # Errors
    /// When no verdict can come any more.
    pub fn expect(&self, record_id: &str, round: u32) -> Result<oneshot::Receiver<Verdict>, StoreGone> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(StoreGone);
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.entry((record_id.to_owned(), round)).or_default().push_back(sender);
        Ok(receiver)
    }

    /// Hands a verdict to its offer.
    pub fn take(&self, line: VerdictLine) -> Taken {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (line.record_id, line.round.get());
        let Some(queue) = state.waiting.get_mut(&key) else { return Taken::NobodyAsked };
        let sender = queue.pop_front();
        if queue.is_empty() {
            state.waiting.remove(&key);
        }
        let verdict = match line.verdict {
            VerdictKind::Stored => Verdict::Stored,
            VerdictKind::Already => Verdict::Already,
            VerdictKind::Duplicate => Verdict::Duplicate,
            VerdictKind::Refused => {
                Verdict::Refused(line.reason.unwrap_or_else(|| "no reason given".to_owned()))
            }
        };
        // the offer's task may have ended with the program
        let _ = sender.map(|sender| sender.send(verdict));
        Taken::Yes
    }

    /// Ends all waiting: input is closed.
    pub fn close(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.closed = true;
        state.waiting.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(record_id: &str) -> VerdictLine {
        serde_json::from_value(serde_json::json!({"record_id": record_id, "round": 1, "verdict": "stored"}))
            .unwrap()
    }

    #[tokio::test]
    async fn a_slot_offered_twice_gets_its_verdicts_in_order() {
        let verdicts = Verdicts::default();
        let (first, second) = (verdicts.expect("j-0", 1).unwrap(), verdicts.expect("j-0", 1).unwrap());
        assert_eq!(verdicts.take(line("j-0")), Taken::Yes);
        assert_eq!(first.await, Ok(Verdict::Stored));
        assert_eq!(verdicts.take(line("j-0")), Taken::Yes);
        assert_eq!(second.await, Ok(Verdict::Stored));
        assert_eq!(verdicts.take(line("j-0")), Taken::NobodyAsked);
    }

    #[tokio::test]
    async fn when_input_ends_nobody_waits_any_more() {
        let verdicts = Verdicts::default();
        let waiting = verdicts.expect("j-0", 1).unwrap();
        verdicts.close();
        assert!(waiting.await.is_err());
        assert!(verdicts.expect("j-1", 1).is_err());
    }
}
