//! The accounts of jobs with a budget: documents that all consumers change by compare-and-swap (decision 0024).
//!
//! Each job has one task here. It carries all questions that came since its last write in one: a call waits for a
//! round trip or two, and many calls wait for the same ones.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::far::Far;
use super::judging::{Version, Written};
use super::names::Kind;
use super::operation::{Operation, Target};
use super::reads::Lookup;
use crate::contract::{Amount, Budget, JobId, Name, SpendingDocument};
use crate::spending::{Room, Spent, Unwritten, judge};
use crate::store::StoreGone;

/// How often whoever holds something says that it is alive, and how long it is believed.
const BEAT: Duration = Duration::from_secs(5);
const ALIVE_SECONDS: u64 = 30;

type Key = (Name, JobId);

/// The accounts of one installation, as this process sees them.
#[derive(Clone)]
pub struct Accounts(Arc<Inner>);

struct Inner {
    far: Far,
    owner: String,
    open: Mutex<HashMap<Key, mpsc::UnboundedSender<Ask>>>,
}

enum Ask {
    Reserve(Want),
    Settle(Amount, Spent),
    Kept(oneshot::Sender<()>),
}

struct Want {
    need: Amount,
    answer: oneshot::Sender<Room>,
}

#[derive(Deserialize)]
struct Job {
    #[serde(default)]
    budget: Option<Budget>,
}

/// An account and the version it was read at; none: it is not there yet.
struct Read {
    account: SpendingDocument,
    version: Option<Version>,
    budget: Budget,
}

impl Accounts {
    /// Keeps accounts through `far`, under a name that no other process has.
    pub fn new(far: Far) -> Self {
        let owner = format!("{}-{:08x}{:08x}", std::process::id(), fastrand::u32(..), fastrand::u32(..));
        Self(Arc::new(Inner { far, owner, open: Mutex::default() }))
    }

    /// Asks for room; none when the program is aborted.
    pub async fn reserve(&self, tenant: &Name, job: &JobId, need: Amount) -> Option<Room> {
        let (answer, room) = oneshot::channel();
        self.tell(tenant, job, Ask::Reserve(Want { need, answer }));
        room.await.ok()
    }

    /// Settles what was granted.
    pub fn settle(&self, tenant: &Name, job: &JobId, need: Amount, spent: Spent) {
        self.tell(tenant, job, Ask::Settle(need, spent));
    }

    /// Returns when all that was settled before is written.
    pub async fn kept(&self, tenant: &Name, job: &JobId) {
        let (answer, kept) = oneshot::channel();
        self.tell(tenant, job, Ask::Kept(answer));
        // an error means that the program is aborted
        let _ = kept.await;
    }

    fn tell(&self, tenant: &Name, job: &JobId, ask: Ask) {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = open.entry((tenant.clone(), job.clone())).or_insert_with(|| {
            let (sender, asks) = mpsc::unbounded_channel();
            let account =
                Account { inner: Arc::clone(&self.0), key: (tenant.clone(), job.clone()), changes: 0 };
            tokio::spawn(account.run(asks));
            sender
        });
        // a task that ended did so because the program is aborted
        let _ = sender.send(ask);
    }
}

struct Account {
    inner: Arc<Inner>,
    key: Key,
    changes: u64,
}

impl Account {
    async fn run(mut self, mut asks: mpsc::UnboundedReceiver<Ask>) {
        let mut unwritten = Unwritten::default();
        loop {
            let first = match timeout(BEAT, asks.recv()).await {
                Ok(Some(ask)) => Some(ask),
                Ok(None) => return,
                Err(_) if unwritten.is_settled() => {
                    if self.closed(&asks) {
                        return;
                    }
                    continue;
                }
                Err(_) => None,
            };
            let (mut wants, mut waiting, mut write) = (Vec::new(), Vec::new(), first.is_none());
            for ask in first.into_iter().chain(std::iter::from_fn(|| asks.try_recv().ok())) {
                match ask {
                    Ask::Reserve(want) => wants.push(want),
                    Ask::Settle(need, spent) => unwritten.settle(need, spent),
                    Ask::Kept(answer) => waiting.push(answer),
                }
            }
            write |= !wants.is_empty() || (!waiting.is_empty() && !unwritten.is_written());
            if write && self.write(&mut unwritten, wants).await.is_err() {
                return;
            }
            // who asked may have gone
            for answer in waiting {
                let _ = answer.send(());
            }
        }
    }

    /// Nothing is open any more: the next question opens the account anew.
    fn closed(&self, asks: &mpsc::UnboundedReceiver<Ask>) -> bool {
        let mut open = self.inner.open.lock().unwrap_or_else(PoisonError::into_inner);
        if !asks.is_empty() {
            return false;
        }
        open.remove(&self.key);
        true
    }

    /// Writes what is unwritten, grants what there is room for, and answers.
    async fn write(&mut self, unwritten: &mut Unwritten, wants: Vec<Want>) -> Result<(), StoreGone> {
        let (held, rooms) = loop {
            let Read { mut account, version, budget } = self.read().await?;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
            let owner = &self.inner.owner;
            account.bury(owner, now);
            account.enter(owner, unwritten);
            let (others, mut held) = (account.held_by_others(owner), unwritten.held);
            let grant = |want: &Want| {
                let room = judge(&budget, account.committed(), others + held, want.need);
                if room == Room::Granted {
                    held += want.need;
                }
                room
            };
            let rooms: Vec<Room> = wants.iter().map(grant).collect();
            account.hold(owner, held, now + ALIVE_SECONDS);
            match self.swap(account, version).await? {
                Swap::Done => break (held, rooms),
                Swap::Again => {}
                Swap::Refused(reason) => {
                    let over = Room::Over(format!("its account cannot be written ({reason})"));
                    break (unwritten.held, wants.iter().map(|_| over.clone()).collect());
                }
            }
        };
        unwritten.kept(held);
        for (want, room) in wants.into_iter().zip(rooms) {
            // nobody waits any more: the call is not made
            if want.answer.send(room).is_err_and(|room| room == Room::Granted) {
                unwritten.settle(want.need, Spent::Nothing);
            }
        }
        Ok(())
    }

    async fn read(&self) -> Result<Read, StoreGone> {
        let (tenant, job) = &self.key;
        let far = &self.inner.far;
        let lookup = |target: Target, fields| Lookup { index: target.index, key: target.key, fields };
        let of_job = lookup(far.target(Kind::Jobs, tenant.as_str(), job.as_str()), &["budget"]);
        let found = far.reads.ask(vec![lookup(self.target(), &[]), of_job]).await?;
        let [account, of_job] = <[_; 2]>::try_from(found).unwrap_or_default();
        let budget =
            of_job.and_then(|found| found.read::<Job>()).and_then(|job| job.budget).unwrap_or_default();
        let version = account.as_ref().map(|found| found.version);
        let account = account.and_then(|found| found.read::<SpendingDocument>());
        Ok(Read { account: account.unwrap_or_else(|| SpendingDocument::open(tenant, job)), version, budget })
    }

    async fn swap(
        &mut self,
        mut account: SpendingDocument,
        version: Option<Version>,
    ) -> Result<Swap, StoreGone> {
        self.changes += 1;
        account.change = format!("{}-{}", self.inner.owner, self.changes);
        let (tenant, id) = (self.key.0.as_str(), account.report_id.as_str());
        let operation =
            self.inner.far.operation(Kind::Reports, (tenant, id), &account, |target, body| match version {
                Some(version) => Operation::swap(target, version, body),
                None => Operation::create(target, body),
            });
        let operation = match operation {
            Ok(operation) => operation,
            Err(reason) => return Ok(Swap::Refused(reason)),
        };
        match self.inner.far.writes.ask(vec![operation]).await?.pop() {
            Some(Written::Done(_)) => Ok(Swap::Done),
            Some(Written::Refused(reason)) => {
                tracing::error!(job_id = self.key.1.as_str(), reason, "an account cannot be written");
                Ok(Swap::Refused(reason))
            }
            // what outran it may be itself, sent twice because the first answer was lost
            Some(Written::Outrun) | None => {
                let there = self.read().await?.account.change;
                Ok(if there == account.change { Swap::Done } else { Swap::Again })
            }
        }
    }

    fn target(&self) -> Target {
        let (tenant, job) = &self.key;
        self.inner.far.target(Kind::Reports, tenant.as_str(), &SpendingDocument::id(job))
    }
}

enum Swap {
    Done,
    /// Somebody else changed it meanwhile.
    Again,
    /// It can never be written.
    Refused(String),
}
