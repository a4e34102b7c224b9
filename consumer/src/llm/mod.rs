//! One chat call to any OpenAI-compatible address, and when it may be made.
//!
//! `exchange` makes the calls, `calls` numbers those of a delivery; `client` speaks HTTP; `answer` reads what came, `error` says what a failure means; `limiter`, `breaker`,
//! `budget`, `backoff`, `rates` and `pace` say when, `turn` asks them all, `allowance` the job's budget; `forms` remembers which form of answer an address can be asked for;
//! `provider` has what calls to one model share, on a `shelf` that forgets what is not used.

pub mod allowance;
pub mod answer;
pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod calls;
pub mod client;
pub mod error;
pub mod exchange;
pub mod forms;
pub mod limiter;
pub mod pace;
pub mod provider;
pub mod rates;
pub mod retries;
pub mod shelf;
pub mod told;
pub mod turn;
