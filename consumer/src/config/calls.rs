//! How models are called: concurrency, retries, and when an address counts as unreachable.

use super::given::Given;
use crate::llm::backoff::Backoff;
use crate::llm::budget::BudgetSettings;
use crate::llm::provider::CallSettings;

/// Takes the settings of calls.
pub fn take(given: &mut Given) -> Result<CallSettings, String> {
    let CallSettings { concurrency, backoff, budget, patience } = CallSettings::default();
    let (base, cap, patience) =
        (backoff.base.as_secs_f64(), backoff.cap.as_secs_f64(), patience.as_secs_f64());
    Ok(CallSettings {
        concurrency: given.whole("CONSUMER__CONCURRENCY", concurrency, 1, 4096)?,
        backoff: Backoff {
            base: given.seconds("CONSUMER__RETRY__BASE_SECONDS", base, 0.001, 60.0)?,
            cap: given.seconds("CONSUMER__RETRY__CAP_SECONDS", cap, 0.001, 600.0)?,
        },
        budget: BudgetSettings {
            ratio: given.number("CONSUMER__RETRY__BUDGET_RATIO", budget.ratio, 0.0, 10.0)?,
            per_second: given.number(
                "CONSUMER__RETRY__BUDGET_PER_SECOND",
                budget.per_second,
                0.01,
                10_000.0,
            )?,
        },
        patience: given.seconds("CONSUMER__UNREACHABLE_SECONDS", patience, 0.1, 86_400.0)?,
    })
}
