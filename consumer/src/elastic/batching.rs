//! Gathers what many requests ask for into few large ones, and hands each its own answers.
//!
//! A batch leaves as soon as one of the few places in flight is free, after a short wait for company; so batches
//! grow with the load by themselves. What is not answered yet comes again later, without those that were.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use super::condition::{Complaint, Condition, Trouble};
use crate::llm::backoff::Backoff;
use crate::shutdown::Shutdown;
use crate::store::StoreGone;

/// Before what was left over is asked again.
const PAUSES: Backoff = Backoff { base: Duration::from_millis(250), cap: Duration::from_secs(5) };
/// A server that is busy for a moment is no news.
const TRIES_UNTIL_NEWS: u32 = 3;

/// How much goes together.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Of one batch; a single larger ask still goes.
    pub most: usize,
    pub bytes: usize,
    pub in_flight: usize,
    /// How long a batch waits for company.
    pub linger: Duration,
    /// Bytes that wait or are in flight; who brings more waits for room.
    pub room: usize,
}

/// What carries batches to the far end.
pub trait Carrier: Send + Sync + Sized + 'static {
    type Ask: Send + 'static;
    type Answer: Send + 'static;
    const TROUBLE: Trouble;

    /// Bytes of one ask.
    fn size(ask: &Self::Ask) -> usize;

    /// Answers what can be answered; the rest is left over, with a reason.
    fn carry(
        &self,
        batch: Vec<Parcel<Self>>,
    ) -> impl Future<Output = Result<Vec<(Parcel<Self>, String)>, StoreGone>> + Send;
}

/// One ask on its way.
pub struct Parcel<C: Carrier> {
    pub ask: C::Ask,
    group: Arc<Group<C::Answer>>,
    place: usize,
    tries: u32,
    complaint: Option<Complaint>,
}

impl<C: Carrier> Parcel<C> {
    /// Hands the answer to whoever waits.
    pub fn answer(self, answer: C::Answer) {
        self.group.take(self.place, answer);
    }
}

/// Asks that were put in together, and their answers.
struct Group<A> {
    answers: Mutex<Answers<A>>,
    _room: OwnedSemaphorePermit,
}

struct Answers<A> {
    found: Vec<Option<A>>,
    missing: usize,
    waiting: Option<oneshot::Sender<Vec<A>>>,
}

impl<A> Group<A> {
    fn take(&self, place: usize, answer: A) {
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(empty) = answers.found.get_mut(place).filter(|found| found.is_none()) {
            *empty = Some(answer);
            answers.missing -= 1;
        }
        if answers.missing == 0
            && let Some(waiting) = answers.waiting.take()
        {
            // nobody waits for the answer of a task that was aborted
            let _ = waiting.send(answers.found.drain(..).flatten().collect());
        }
    }
}

/// A place to wait for the answers.
pub struct Ticket<A> {
    answers: oneshot::Receiver<Vec<A>>,
    shutdown: Shutdown,
}

impl<A> Ticket<A> {
    /// The answers, in the order of the asks.
    ///
    /// # Errors
    /// When the program is aborted meanwhile.
    pub async fn answers(self) -> Result<Vec<A>, StoreGone> {
        let answered = tokio::select! {
            biased;
            () = self.shutdown.aborted() => return Err(StoreGone),
            answered = self.answers => answered,
        };
        answered.map_err(|_| {
            // a fault of ours ate the asks: nothing may be settled on what they were to write
            self.shutdown.abort();
            StoreGone
        })
    }
}

/// The way in; clones lead to the same batches.
pub struct Queue<C: Carrier> {
    parcels: mpsc::UnboundedSender<Parcel<C>>,
    room: Arc<Semaphore>,
    limits: Limits,
    shutdown: Shutdown,
}

impl<C: Carrier> Clone for Queue<C> {
    fn clone(&self) -> Self {
        let (parcels, room) = (self.parcels.clone(), Arc::clone(&self.room));
        Self { parcels, room, limits: self.limits, shutdown: self.shutdown.clone() }
    }
}

impl<C: Carrier> Queue<C> {
    /// Starts the task that gathers; it ends when the last clone is gone.
    pub fn start(carrier: C, limits: Limits, condition: Condition, shutdown: Shutdown) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let room = Arc::new(Semaphore::new(limits.room.min(Semaphore::MAX_PERMITS)));
        let gatherer = Gatherer {
            shared: Arc::new(Sending { carrier, condition }),
            parcels: receiver,
            again: sender.downgrade(),
            held: None,
            limits,
        };
        tokio::spawn(gatherer.run());
        Self { parcels: sender, room, limits, shutdown }
    }

    /// Puts `asks` in as soon as there is room for them.
    ///
    /// # Errors
    /// When the program is aborted meanwhile.
    pub async fn put(&self, asks: Vec<C::Ask>) -> Result<Ticket<C::Answer>, StoreGone> {
        let bytes: usize = asks.iter().map(C::size).sum();
        let permits = u32::try_from(bytes.min(self.limits.room)).unwrap_or(u32::MAX);
        let room = tokio::select! {
            biased;
            () = self.shutdown.aborted() => return Err(StoreGone),
            room = Arc::clone(&self.room).acquire_many_owned(permits) => room.map_err(|_| StoreGone)?,
        };
        let (sender, answers) = oneshot::channel();
        let mut waiting = Some(sender);
        if asks.is_empty() {
            let _ = waiting.take().map(|sender| sender.send(Vec::new()));
        }
        let found = asks.iter().map(|_| None).collect();
        let answers_to_come = Mutex::new(Answers { found, missing: asks.len(), waiting });
        let group = Arc::new(Group { answers: answers_to_come, _room: room });
        for (place, ask) in asks.into_iter().enumerate() {
            let parcel = Parcel { ask, group: Arc::clone(&group), place, tries: 0, complaint: None };
            self.parcels.send(parcel).map_err(|_| StoreGone)?;
        }
        Ok(Ticket { answers, shutdown: self.shutdown.clone() })
    }

    /// Puts `asks` in and waits for their answers.
    ///
    /// # Errors
    /// When the program is aborted meanwhile.
    pub async fn ask(&self, asks: Vec<C::Ask>) -> Result<Vec<C::Answer>, StoreGone> {
        self.put(asks).await?.answers().await
    }
}

struct Sending<C> {
    carrier: C,
    condition: Condition,
}

struct Gatherer<C: Carrier> {
    shared: Arc<Sending<C>>,
    parcels: mpsc::UnboundedReceiver<Parcel<C>>,
    again: mpsc::WeakUnboundedSender<Parcel<C>>,
    /// Did not fit into the last batch.
    held: Option<Parcel<C>>,
    limits: Limits,
}

impl<C: Carrier> Gatherer<C> {
    async fn run(mut self) {
        let places = Arc::new(Semaphore::new(self.limits.in_flight));
        while let Some(first) = self.next().await {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            let batch = self.gather(first).await;
            let (shared, again) = (Arc::clone(&self.shared), self.again.clone());
            tokio::spawn(async move {
                let left = shared.carrier.carry(batch).await;
                drop(place);
                for (parcel, reason) in left.unwrap_or_default() {
                    come_again(&shared.condition, &again, parcel, &reason);
                }
            });
        }
    }

    async fn next(&mut self) -> Option<Parcel<C>> {
        match self.held.take() {
            Some(parcel) => Some(parcel),
            None => self.parcels.recv().await,
        }
    }

    async fn gather(&mut self, first: Parcel<C>) -> Vec<Parcel<C>> {
        let until = Instant::now() + self.limits.linger;
        let mut bytes = C::size(&first.ask);
        let mut batch = vec![first];
        while batch.len() < self.limits.most && bytes < self.limits.bytes {
            let next = match self.parcels.try_recv() {
                Ok(parcel) => parcel,
                Err(_) => match timeout_at(until, self.parcels.recv()).await {
                    Ok(Some(parcel)) => parcel,
                    Ok(None) | Err(_) => break,
                },
            };
            bytes += C::size(&next.ask);
            if bytes > self.limits.bytes {
                self.held = Some(next);
                break;
            }
            batch.push(next);
        }
        batch
    }
}

/// Puts a parcel in again after a pause. When every way in is gone nobody waits for it any more.
fn come_again<C: Carrier>(
    condition: &Condition,
    again: &mpsc::WeakUnboundedSender<Parcel<C>>,
    mut parcel: Parcel<C>,
    reason: &str,
) {
    let Some(again) = again.upgrade() else { return };
    let pause = PAUSES.after(parcel.tries);
    parcel.tries = parcel.tries.saturating_add(1);
    if parcel.tries == TRIES_UNTIL_NEWS {
        parcel.complaint = Some(condition.complain(C::TROUBLE, reason));
    }
    tokio::spawn(async move {
        sleep(pause).await;
        let _ = again.send(parcel);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::{Health, Part};

    /// Doubles numbers; odd ones at their second try only. Notes the batches.
    struct Doubling(Arc<Mutex<Vec<Vec<u32>>>>);

    impl Carrier for Doubling {
        type Ask = u32;
        type Answer = u32;
        const TROUBLE: Trouble = Trouble::Writes;

        fn size(_: &u32) -> usize {
            10
        }

        async fn carry(&self, batch: Vec<Parcel<Self>>) -> Result<Vec<(Parcel<Self>, String)>, StoreGone> {
            self.0.lock().unwrap().push(batch.iter().map(|parcel| parcel.ask).collect());
            assert!(batch.iter().all(|parcel| parcel.ask != 13), "a fault of the carrier");
            let mut left = Vec::new();
            for parcel in batch {
                match parcel.ask % 2 == 1 && parcel.tries < TRIES_UNTIL_NEWS {
                    true => left.push((parcel, "odd".to_owned())),
                    false => {
                        let answer = parcel.ask * 2;
                        parcel.answer(answer);
                    }
                }
            }
            Ok(left)
        }
    }

    type Seen = Arc<Mutex<Vec<Vec<u32>>>>;

    fn started(limits: Limits) -> (Queue<Doubling>, Seen, Health, Shutdown) {
        let (seen, health, shutdown) =
            (Seen::default(), Health::needing(&[Part::Store]), Shutdown::default());
        let condition = Condition::new(health.clone(), crate::testing::metrics());
        (
            Queue::start(Doubling(Arc::clone(&seen)), limits, condition, shutdown.clone()),
            seen,
            health,
            shutdown,
        )
    }

    const LIMITS: Limits =
        Limits { most: 3, bytes: 1_000, in_flight: 1, linger: Duration::from_millis(5), room: 1_000 };

    #[tokio::test(start_paused = true)]
    async fn each_gets_its_own_answers_and_only_what_is_missing_is_asked_again() {
        let (queue, seen, health, _) = started(LIMITS);
        let (first, second) = tokio::join!(queue.ask(vec![2, 3]), queue.ask(vec![4, 6]));
        assert_eq!((first, second), (Ok(vec![4, 6]), Ok(vec![8, 12])));
        let batches = seen.lock().unwrap().clone();
        assert_eq!(batches[0], [2, 3, 4]);
        // chance decides whether the first repetition goes alone or, within the linger, with the rest
        let asked = |ask| batches.iter().flatten().filter(|asked| **asked == ask).count();
        assert_eq!((asked(2), asked(4), asked(6)), (1, 1, 1));
        assert!(asked(3) > 1);
        assert!(health.is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_keeps_to_its_bytes_and_nobody_brings_more_than_there_is_room_for() {
        let (queue, seen, ..) = started(Limits { bytes: 20, room: 25, ..LIMITS });
        assert_eq!(queue.ask(vec![2, 4, 6]).await, Ok(vec![4, 8, 12]));
        assert_eq!(*seen.lock().unwrap(), [vec![2, 4], vec![6]]);
        let (first, second) = tokio::join!(queue.ask(vec![2, 4]), queue.ask(vec![6]));
        assert_eq!((first, second), (Ok(vec![4, 8]), Ok(vec![12])));
    }

    #[tokio::test]
    async fn nothing_is_waited_for_when_nothing_is_asked_or_the_program_is_aborted() {
        let (queue, _, _, shutdown) = started(LIMITS);
        assert_eq!(queue.ask(vec![]).await, Ok(vec![]));
        shutdown.abort();
        assert_eq!(queue.ask(vec![2]).await, Err(StoreGone));
    }

    #[tokio::test]
    async fn a_carrier_that_breaks_ends_the_program_rather_than_lose_a_write() {
        let (queue, _, _, shutdown) = started(LIMITS);
        assert_eq!(queue.ask(vec![13]).await, Err(StoreGone));
        assert_eq!(shutdown.phase(), crate::shutdown::Phase::Aborted);
    }
}
