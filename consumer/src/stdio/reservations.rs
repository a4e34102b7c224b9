//! Calls that wait for their reserved line, for `--admission ask`: who sends requests keeps the account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;

use super::writer::Writer;
use crate::contract::{Amount, GenerationRequest, JobId, Name, OutputLine, Reserve, ReservedLine, RoomKind};
use crate::jobs::{Blocking, JobView, Jobs, Standing};
use crate::spending::{Room, Spent};

/// The calls without an answer yet.
#[derive(Default)]
pub struct Reservations(Mutex<State>);

#[derive(Default)]
struct State {
    waiting: HashMap<String, oneshot::Sender<Room>>,
    /// Input has ended: no answer can come any more.
    closed: bool,
}

impl Reservations {
    /// Hands an answer to its call; one that nobody waits for is ignored.
    pub fn take(&self, line: &ReservedLine) {
        let sender = self.lock().waiting.remove(&line.call_id);
        let reason = || line.reason.clone().unwrap_or_else(|| "no reason given".to_owned());
        let room = match line.room {
            RoomKind::Granted => Room::Granted,
            RoomKind::Full => Room::Full,
            RoomKind::Over => Room::Over(reason()),
        };
        // the call's task may have ended with the program
        let _ = sender.map(|sender| sender.send(room));
    }

    /// Ends all waiting: input is closed.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.waiting.clear();
    }

    /// None when no answer can come any more.
    fn expect(&self, call_id: &str) -> Option<oneshot::Receiver<Room>> {
        let mut state = self.lock();
        if state.closed {
            return None;
        }
        let (sender, receiver) = oneshot::channel();
        state.waiting.insert(call_id.to_owned(), sender);
        Some(receiver)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Jobs as they are told by lines; budgets are kept here, or by the other side where that is asked for verdicts.
pub struct StdioJobs {
    pub jobs: Arc<Jobs>,
    pub asked: Option<(Arc<Reservations>, Writer)>,
}

impl JobView for StdioJobs {
    async fn standing(&self, tenant: &Name, job: &JobId, round: u32) -> Standing {
        self.jobs.standing(tenant, job, round).await
    }

    async fn block(&self, tenant: &Name, job: &JobId, round: u32, reason: &str) -> Blocking {
        self.jobs.block(tenant, job, round, reason).await
    }

    async fn pause(&self, request: &GenerationRequest, reason: &str) -> Blocking {
        let news = self.jobs.pause(request, reason).await;
        // who keeps the account has paused the job and said so
        if self.asked.is_some() { Blocking::Known } else { news }
    }

    async fn reserve(&self, request: &GenerationRequest, call_id: &str, need: Amount) -> Room {
        let Some((reservations, writer)) = &self.asked else {
            return self.jobs.reserve(request, call_id, need).await;
        };
        let answer = async {
            let answer = reservations.expect(call_id)?;
            let line = Reserve {
                tenant: request.tenant.clone(),
                job_id: request.job_id.clone(),
                request_id: request.request_id.clone(),
                call_id: call_id.to_owned(),
                need,
            };
            writer.write([OutputLine::Reserve(Box::new(line))]).await.ok()?;
            answer.await.ok()
        };
        match answer.await {
            Some(room) => room,
            // the program drains: any answer would be one too many
            None => std::future::pending().await,
        }
    }

    fn spent(&self, request: &GenerationRequest, call_id: &str, need: Amount, spent: Spent) {
        if self.asked.is_none() {
            self.jobs.spent(request, call_id, need, spent);
        }
    }

    async fn accounted(&self, _: &GenerationRequest) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(room: &str) -> ReservedLine {
        serde_json::from_value(serde_json::json!({"call_id": "c", "room": room, "reason": "so"})).unwrap()
    }

    #[tokio::test]
    async fn an_answer_goes_to_its_call_and_none_comes_once_input_has_ended() {
        let reservations = Reservations::default();
        let waiting = reservations.expect("c").unwrap();
        reservations.take(&line("over"));
        assert_eq!(waiting.await, Ok(Room::Over("so".to_owned())));
        reservations.take(&line("granted"));
        let waiting = reservations.expect("c").unwrap();
        reservations.close();
        assert!(waiting.await.is_err());
        assert!(reservations.expect("c").is_none());
    }
}
