//! The edges of `--stdio`: requests in on standard input, lines out on standard output.

mod claims;
mod lines;
mod reader;
mod reservations;
mod store;
mod verdicts;
mod watch;
mod writer;

pub use reader::{Control, Limits, StdioSource, Ticket};
pub use reservations::{Reservations, StdioJobs};
pub use store::{Admission, StdioStore};
pub use verdicts::Verdicts;
pub use watch::watch_stdout;
pub use writer::Writer;
