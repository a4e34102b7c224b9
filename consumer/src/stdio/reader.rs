//! Reads request lines in a thread of their own, never more than may be unsettled.

use std::io::BufRead;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::lines::{Line, Lines};
use super::reservations::Reservations;
use super::verdicts::{Taken, Verdicts};
use super::writer::Writer;
use crate::contract::{
    BadLine, GenerationRequest, InputLine, JobId, OutputLine, SettleOutcome, Settled, VerdictLine, read_line,
};
use crate::desk::Halt;
use crate::jobs::Jobs;
use crate::pipeline::{Delivery, Outcome, Source};
use crate::shutdown::{Phase, Shutdown};

/// Bytes of unsettled request lines; a single line always fits.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What a request line is settled with. Dropping it lets another line in.
pub struct Ticket {
    request_id: Option<String>,
    job_id: Option<JobId>,
    line: u64,
    _places: Places,
}

/// A request's place, and that of its bytes.
type Places = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// Bounds on what is read.
pub struct Limits {
    /// Requests that may be unsettled.
    pub prefetch: usize,
}

/// Standard input as a source.
pub struct StdioSource {
    received: mpsc::Receiver<Delivery<Ticket>>,
    writer: Writer,
}

/// What lines other than requests act on.
pub struct Control {
    pub jobs: Arc<Jobs>,
    /// None: nobody is asked.
    pub verdicts: Option<Arc<Verdicts>>,
    pub reservations: Option<Arc<Reservations>>,
    pub shutdown: Shutdown,
}

impl Control {
    /// Input has ended. Where verdicts are needed none can come any more: a call would be paid for nothing.
    fn end(&self) {
        if let Some(verdicts) = &self.verdicts {
            verdicts.close();
            self.reservations.iter().for_each(|reservations| reservations.close());
            self.shutdown.drain();
        }
    }

    fn verdict(&self, line: VerdictLine, number: u64) {
        let taken = self.verdicts.as_ref().map_or(Taken::NobodyAsked, |verdicts| verdicts.take(line));
        if taken == Taken::NobodyAsked {
            tracing::debug!(line = number, "a verdict that nobody waits for is ignored");
        }
    }
}

impl StdioSource {
    /// Starts reading `input`; must be called inside the runtime.
    pub fn start(
        input: impl BufRead + Send + 'static,
        limits: &Limits,
        writer: Writer,
        control: Control,
    ) -> Self {
        let (sender, received) = mpsc::channel(limits.prefetch);
        let gate = Gate {
            requests: Arc::new(Semaphore::new(limits.prefetch)),
            bytes: Arc::new(Semaphore::new(MOST_BYTES)),
            runtime: tokio::runtime::Handle::current(),
            shutdown: control.shutdown.clone(),
        };
        std::thread::spawn(move || {
            read_all(input, &gate, &control, &sender);
            control.end();
        });
        Self { received, writer }
    }
}

impl Source for StdioSource {
    type Ticket = Ticket;

    async fn next(&mut self) -> Option<Delivery<Ticket>> {
        self.received.recv().await
    }

    async fn settle(&self, ticket: Ticket, outcome: Outcome) {
        let Some((outcome, reason)) = told(outcome) else { return };
        let line = (outcome == SettleOutcome::Invalid).then_some(ticket.line);
        let settled = Settled {
            request_id: ticket.request_id.clone(),
            job_id: ticket.job_id.clone(),
            outcome,
            reason,
            line,
        };
        if self.writer.write([OutputLine::Settled(Box::new(settled))]).await.is_err() {
            tracing::debug!(request_id = ticket.request_id, "not settled: standard output is gone");
        }
    }

    async fn leave(self) {}
}

/// What is written of an outcome. A request that was left stays unsettled: who sent it sends it again.
fn told(outcome: Outcome) -> Option<(SettleOutcome, Option<String>)> {
    match outcome {
        Outcome::Done => Some((SettleOutcome::Done, None)),
        Outcome::Halted(Halt::Dropped(reason)) => Some((SettleOutcome::Dropped, Some(reason))),
        Outcome::Halted(Halt::Blocked(reason)) => Some((SettleOutcome::Blocked, Some(reason))),
        Outcome::Halted(Halt::Invalid(reason)) | Outcome::Panicked(reason) => {
            Some((SettleOutcome::Invalid, Some(reason)))
        }
        Outcome::Halted(Halt::Waited | Halt::Stopped) => None,
    }
}

struct Gate {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    runtime: tokio::runtime::Handle,
    shutdown: Shutdown,
}

impl Gate {
    /// Blocks until another request of `bytes` may be unsettled; none when the program ends meanwhile.
    fn enter(&self, bytes: usize) -> Option<Places> {
        let bytes = u32::try_from(bytes.min(MOST_BYTES)).unwrap_or(u32::MAX);
        if self.shutdown.phase() != Phase::Running {
            return None;
        }
        let (requests, sizes) = (Arc::clone(&self.requests), Arc::clone(&self.bytes));
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                places = async { Some((requests.acquire_owned().await.ok()?, sizes.acquire_many_owned(bytes).await.ok()?)) } => places,
                () = self.shutdown.draining() => None,
            }
        })
    }
}

fn read_all(input: impl BufRead, gate: &Gate, control: &Control, sender: &mpsc::Sender<Delivery<Ticket>>) {
    let mut lines = Lines::new(input);
    loop {
        let (number, read) = match lines.next_line() {
            Ok(Some(Line::Whole { number, text })) => {
                (number, take(text, number, control).map(|body| (body, text.len())))
            }
            Ok(Some(Line::TooLong { number, length })) => (number, Some((Err(too_long(length)), 0))),
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "standard input cannot be read any more");
                return;
            }
        };
        let Some((body, length)) = read else { continue };
        // told to stop, it reads on for the sake of verdicts: requests are left unsettled
        let Some(places) = gate.enter(length) else { continue };
        let (request_id, job_id) = match &body {
            Ok(request) => (Some(request.request_id.clone()), Some(request.job_id.clone())),
            Err(bad) => (bad.request_id.clone(), bad.job_id.clone()),
        };
        let ticket = Ticket { request_id, job_id, line: number, _places: places };
        if sender.blocking_send(Delivery { body, ticket }).is_err() {
            return;
        }
    }
}

type Body = Result<Box<GenerationRequest>, BadLine>;

/// The request of a line; control lines are carried out here, because they must not wait behind requests.
fn take(text: &[u8], number: u64, control: &Control) -> Option<Body> {
    match read_line(text) {
        Ok(InputLine::Request(request)) => Some(Ok(request)),
        Ok(InputLine::Cancel(line)) => {
            control.jobs.cancel(&line);
            None
        }
        Ok(InputLine::Reserved(line)) => {
            control.reservations.iter().for_each(|reservations| reservations.take(&line));
            None
        }
        Ok(InputLine::Verdict(line)) => {
            control.verdict(line, number);
            None
        }
        Err(bad) => Some(Err(bad)),
    }
}

fn too_long(length: u64) -> BadLine {
    let reason = format!("the line is {length} bytes long, more than {} are not read", super::lines::LONGEST);
    BadLine { reason, request_id: None, job_id: None }
}
