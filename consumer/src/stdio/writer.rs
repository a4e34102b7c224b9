//! Writes lines to standard output from one thread, in the order they were handed over.

use std::io::Write;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::shutdown::Shutdown;
use crate::store::StoreGone;

/// Bundles of lines that may wait for a slow reader of our output.
const MOST_WAITING: usize = 256;
const BUFFER: usize = 64 * 1024;

enum Job {
    Lines(Vec<u8>),
    Flush(oneshot::Sender<()>),
}

/// Hands lines to the writing thread.
#[derive(Clone)]
pub struct Writer(mpsc::Sender<Job>);

impl Writer {
    /// Starts the thread that writes to `out`; a failure to write aborts the program.
    pub fn start(out: impl Write + Send + 'static, shutdown: Shutdown) -> Self {
        let (sender, receiver) = mpsc::channel(MOST_WAITING);
        std::thread::spawn(move || {
            if let Err(error) = write_all(out, receiver) {
                tracing::error!(%error, "standard output is gone");
                shutdown.abort();
            }
        });
        Self(sender)
    }

    /// Writes lines, one after the other with nothing between them.
    ///
    /// # Errors
    /// When nothing can be written any more.
    pub async fn write<L: Serialize>(&self, lines: impl IntoIterator<Item = L>) -> Result<(), StoreGone> {
        let mut bytes = Vec::new();
        for line in lines {
            serde_json::to_writer(&mut bytes, &line).map_err(|_| StoreGone)?;
            bytes.push(b'\n');
        }
        if bytes.is_empty() {
            return Ok(());
        }
        self.0.send(Job::Lines(bytes)).await.map_err(|_| StoreGone)
    }

    /// Waits until all lines handed over so far are written.
    pub async fn flush(&self) {
        let (done, written) = oneshot::channel();
        if self.0.send(Job::Flush(done)).await.is_ok() {
            // an error means that the thread has ended, and said so
            let _ = written.await;
        }
    }
}

fn write_all(out: impl Write, mut receiver: mpsc::Receiver<Job>) -> std::io::Result<()> {
    let mut out = std::io::BufWriter::with_capacity(BUFFER, out);
    while let Some(job) = receiver.blocking_recv() {
        match job {
            Job::Lines(bytes) => out.write_all(&bytes)?,
            Job::Flush(done) => {
                out.flush()?;
                // who asked may have given up waiting
                let _ = done.send(());
            }
        }
        if receiver.is_empty() {
            out.flush()?;
        }
    }
    out.flush()
}
