//! Reads request lines in a thread of their own, never more than may be unsettled.

use std::io::BufRead;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::lines::{Line, Lines};
use super::verdicts::{Taken, Verdicts};
use super::writer::Writer;
use crate::contract::{BadLine, InputLine, JobId, OutputLine, SettleOutcome, Settled, read_line};
use crate::jobs::Jobs;
use crate::pipeline::{Delivery, Source};

/// Bytes of unsettled request lines; a single line always fits.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What a request line is settled with. Dropping it lets another line in.
pub struct Ticket {
    request_id: Option<String>,
    job_id: Option<JobId>,
    line: u64,
    _places: Vec<OwnedSemaphorePermit>,
}

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

/// The far ends of control lines.
struct Controls {
    jobs: Arc<Jobs>,
    verdicts: Arc<Verdicts>,
}

impl StdioSource {
    /// Starts reading `input`; must be called inside the runtime.
    pub fn start(
        input: impl BufRead + Send + 'static,
        limits: &Limits,
        writer: Writer,
        jobs: Arc<Jobs>,
        verdicts: Arc<Verdicts>,
    ) -> Self {
        let (sender, received) = mpsc::channel(limits.prefetch);
        let gate = Gate {
            requests: Arc::new(Semaphore::new(limits.prefetch)),
            bytes: Arc::new(Semaphore::new(MOST_BYTES)),
            runtime: tokio::runtime::Handle::current(),
        };
        std::thread::spawn(move || {
            let controls = Controls { jobs, verdicts };
            read_all(input, &gate, &controls, &sender);
            controls.verdicts.close();
        });
        Self { received, writer }
    }
}

impl Source for StdioSource {
    type Ticket = Ticket;

    async fn next(&mut self) -> Option<Delivery<Ticket>> {
        self.received.recv().await
    }

    async fn settle(&self, ticket: Ticket, outcome: SettleOutcome, reason: Option<String>) {
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
}

struct Gate {
    requests: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    runtime: tokio::runtime::Handle,
}

impl Gate {
    /// Blocks until another request of `bytes` may be unsettled; none when the program ends.
    fn enter(&self, bytes: usize) -> Option<Vec<OwnedSemaphorePermit>> {
        let bytes = u32::try_from(bytes.min(MOST_BYTES)).unwrap_or(u32::MAX);
        self.runtime.block_on(async {
            let request = Arc::clone(&self.requests).acquire_owned().await.ok()?;
            let size = Arc::clone(&self.bytes).acquire_many_owned(bytes).await.ok()?;
            Some(vec![request, size])
        })
    }
}

fn read_all(input: impl BufRead, gate: &Gate, controls: &Controls, sender: &mpsc::Sender<Delivery<Ticket>>) {
    let mut lines = Lines::new(input);
    loop {
        let (number, read) = match lines.next_line() {
            Ok(Some(Line::Whole { number, text })) => {
                (number, take(text, number, controls).map(|body| (body, text.len())))
            }
            Ok(Some(Line::TooLong { number, length })) => (number, Some((Err(too_long(length)), 0))),
            Ok(None) => return,
            Err(error) => {
                tracing::error!(%error, "standard input cannot be read any more");
                return;
            }
        };
        let Some((body, length)) = read else { continue };
        let Some(places) = gate.enter(length) else { return };
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

type Body = Result<Box<crate::contract::GenerationRequest>, BadLine>;

/// The request of a line; control lines are carried out here, because they must not wait behind requests.
fn take(text: &[u8], number: u64, controls: &Controls) -> Option<Body> {
    match read_line(text) {
        Ok(InputLine::Request(request)) => Some(Ok(request)),
        Ok(InputLine::Cancel(line)) => {
            controls.jobs.cancel(&line);
            None
        }
        Ok(InputLine::Verdict(line)) => {
            if controls.verdicts.take(line) == Taken::NobodyAsked {
                tracing::warn!(line = number, "a verdict that nobody waits for is ignored");
            }
            None
        }
        Err(bad) => Some(Err(bad)),
    }
}

fn too_long(length: u64) -> BadLine {
    let reason = format!("the line is {length} bytes long, more than {} are not read", super::lines::LONGEST);
    BadLine { reason, request_id: None, job_id: None }
}
