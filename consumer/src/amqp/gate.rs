//! Which deliveries may be worked on at the same time, so that a message that kills this program takes little along.
//!
//! A message whose handling began once before and never ended may be to blame, or was merely at hand when the program
//! died. Such messages are served eight at a time with nothing else in hand; those that began twice, alone. An innocent
//! among 128 that a death put under suspicion is cleared within a few calls, and never stands beside a guilty one twice.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// Suspects in hand at a time.
const GROUP: usize = 8;

/// How a message has to be served, by how often its handling began before and never ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// Never: with all others.
    Any,
    /// Once: with a few like it.
    Group,
    /// More often: alone.
    None,
}

impl Company {
    /// What a message may have beside it.
    pub fn of(begun: u32) -> Self {
        match begun {
            0 => Self::Any,
            1 => Self::Group,
            _ => Self::None,
        }
    }
}

/// Lets deliveries in; clones share it.
#[derive(Clone)]
pub struct Gate(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    most: usize,
    in_hand: usize,
    /// How those in hand are served; of no meaning when there are none.
    serving: Option<Company>,
    any: VecDeque<oneshot::Sender<Place>>,
    group: VecDeque<oneshot::Sender<Place>>,
    alone: VecDeque<oneshot::Sender<Place>>,
}

/// A delivery's place among those in hand, until it is dropped.
pub struct Place(Option<Gate>);

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.leave();
        }
    }
}

impl Gate {
    /// At most `most` deliveries in hand.
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Mutex::new(State { most, ..State::default() })))
    }

    /// Waits for a place; suspects come first, so that they are soon cleared.
    pub async fn enter(&self, company: Company) -> Place {
        let (sender, receiver) = oneshot::channel();
        {
            let mut state = self.state();
            match company {
                Company::Any => state.any.push_back(sender),
                Company::Group => state.group.push_back(sender),
                Company::None => state.alone.push_back(sender),
            }
        }
        self.let_in();
        // the sender stays in the state, which lives as long as we do, until it has sent
        receiver.await.unwrap_or(Place(None))
    }

    fn leave(&self) {
        self.state().in_hand -= 1;
        self.let_in();
    }

    fn let_in(&self) {
        loop {
            let mut state = self.state();
            let Some(waiting) = state.next() else { return };
            state.in_hand += 1;
            drop(state);
            // who gave up waiting gives the place back at once
            drop(waiting.send(Place(Some(self.clone()))));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Who comes in next, if anybody may.
    fn next(&mut self) -> Option<oneshot::Sender<Place>> {
        for waiting in [&mut self.any, &mut self.group, &mut self.alone] {
            waiting.retain(|sender| !sender.is_closed());
        }
        let company = match (self.group.is_empty(), self.alone.is_empty(), self.any.is_empty()) {
            (false, _, _) => Company::Group,
            (_, false, _) => Company::None,
            (_, _, false) => Company::Any,
            _ => return None,
        };
        let room = match company {
            Company::Any => self.most,
            Company::Group => GROUP.min(self.most),
            Company::None => 1,
        };
        let fits = self.in_hand == 0 || (self.serving == Some(company) && self.in_hand < room);
        if !fits {
            return None;
        }
        self.serving = Some(company);
        match company {
            Company::Any => self.any.pop_front(),
            Company::Group => self.group.pop_front(),
            Company::None => self.alone.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::{Pin, pin};
    use std::task::{Context, Poll, Waker};

    use super::*;

    type Waiting = Pin<Box<dyn Future<Output = Place>>>;

    fn waits(gate: &Gate, company: Company) -> Waiting {
        let gate = gate.clone();
        let mut waiting: Waiting = Box::pin(async move { gate.enter(company).await });
        assert!(place(&mut waiting).is_none(), "it was let in");
        waiting
    }

    fn place(waiting: &mut Waiting) -> Option<Place> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => Some(place),
            Poll::Pending => None,
        }
    }

    fn enters(gate: &Gate, company: Company) -> Place {
        match pin!(gate.enter(company)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(place) => place,
            Poll::Pending => panic!("it was not let in"),
        }
    }

    #[test]
    fn no_more_are_in_hand_than_may_be() {
        let gate = Gate::new(2);
        let (first, _second) = (enters(&gate, Company::Any), enters(&gate, Company::Any));
        let mut third = waits(&gate, Company::Any);
        drop(first);
        assert!(place(&mut third).is_some());
    }

    #[test]
    fn suspects_wait_for_empty_hands_and_hold_up_the_others() {
        let gate = Gate::new(100);
        let innocent = enters(&gate, Company::Any);
        let mut suspects: Vec<Waiting> = (0..10).map(|_| waits(&gate, Company::Group)).collect();
        let mut alone = waits(&gate, Company::None);
        let mut late = waits(&gate, Company::Any);
        drop(innocent);
        let mut served: Vec<Place> = suspects.iter_mut().filter_map(place).collect();
        assert_eq!((served.len(), gate.state().in_hand), (GROUP, GROUP));
        served.pop();
        assert!(place(&mut suspects[GROUP]).is_some_and(|place| {
            served.push(place);
            true
        }));
        assert!(place(&mut alone).is_none() && place(&mut late).is_none());
        drop(served);
        let last = place(&mut suspects[GROUP + 1]).unwrap();
        assert!(place(&mut alone).is_none() && place(&mut late).is_none());
        drop(last);
        let one = place(&mut alone).unwrap();
        assert!(place(&mut late).is_none());
        drop(one);
        assert!(place(&mut late).is_some());
    }

    #[test]
    fn who_gives_up_waiting_holds_nobody_up() {
        let gate = Gate::new(1);
        let only = enters(&gate, Company::Any);
        let suspect = waits(&gate, Company::Group);
        let mut innocent = waits(&gate, Company::Any);
        drop(suspect);
        drop(only);
        assert!(place(&mut innocent).is_some());
        assert_eq!(gate.state().in_hand, 0);
    }

    #[test]
    fn the_first_beginnings_decide_on_the_company() {
        let companies: Vec<Company> = (0..4).map(Company::of).collect();
        assert_eq!(companies, [Company::Any, Company::Group, Company::None, Company::None]);
    }
}
