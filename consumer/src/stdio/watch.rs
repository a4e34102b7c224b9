//! Notices at once when the reader of our output dies, long before a write would fail.

use rustix::event::{PollFd, PollFlags, poll};

use crate::shutdown::Shutdown;

/// Starts a thread that aborts the program when standard output breaks.
pub fn watch_stdout(shutdown: Shutdown) {
    std::thread::spawn(move || {
        let stdout = std::io::stdout();
        loop {
            // no event is asked for: the kernel reports errors and hang-ups all the same
            let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
            match poll(&mut watched, None) {
                Err(rustix::io::Errno::INTR) | Ok(0) => {}
                Err(error) => {
                    tracing::warn!(%error, "standard output cannot be watched");
                    return;
                }
                Ok(_) => {
                    tracing::error!("the reader of standard output is gone: stopping without further calls");
                    shutdown.abort();
                    return;
                }
            }
        }
    });
}
