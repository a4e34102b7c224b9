//! Whether a call fits into its job's budget (decision 0024). Pure; Python's twin is `core/synthmill/jobs/spending.py`.
//!
//! A call is reserved with the most that it should take before it is made, and settled by what its answer reports.
//! What is committed counts as spent; what is held belongs to calls in flight, and part of it comes back.

use crate::contract::{Amount, Budget, Holder, SpendingDocument};

/// Dollars are sums of many small numbers: a cap that is met exactly must not fail by rounding.
const ROUNDING: f64 = 1e-9;

/// Whether there is room for a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Room {
    /// It is reserved, and may be made.
    Granted,
    /// Not while others are in flight.
    Full,
    /// It does not fit, and will not: why.
    Over(String),
}

/// What became of a call, as far as its budget is concerned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spent {
    Reported(Amount),
    /// It may have been paid, and did not say how much.
    Assumed,
    /// It was refused, or not made.
    Nothing,
}

/// Judges a call that needs at most `need`, when `committed` is spent and `held` is reserved by calls in flight.
pub fn judge(budget: &Budget, committed: Amount, held: Amount, need: Amount) -> Room {
    let mut room = Room::Granted;
    if let Some(cap) = budget.max_tokens {
        let (spent, need) = (committed.tokens, need.tokens);
        if spent.saturating_add(need) > cap {
            return Room::Over(format!(
                "{spent} of max_tokens {cap} are spent, the next call may take {need}"
            ));
        }
        if spent.saturating_add(held.tokens).saturating_add(need) > cap {
            room = Room::Full;
        }
    }
    if let Some(cap) = budget.max_usd {
        let (spent, need, most) = (committed.usd, need.usd, cap * (1.0 + ROUNDING));
        if spent + need > most {
            return Room::Over(format!(
                "{spent:.4} of max_usd {cap:.4} are spent, the next call may cost {need:.4}"
            ));
        }
        if spent + held.usd + need > most {
            room = Room::Full;
        }
    }
    room
}

/// What one consumer knows of a job that its account does not know yet.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Unwritten {
    pub reported: Amount,
    pub assumed: Amount,
    /// Reserved by our calls in flight.
    pub held: Amount,
    /// What the account says that we hold.
    pub written: Amount,
}

impl Unwritten {
    /// A call that was granted `need` has ended.
    pub fn settle(&mut self, need: Amount, spent: Spent) {
        self.held = self.held.less(need);
        match spent {
            Spent::Reported(amount) => self.reported += amount,
            Spent::Assumed => self.assumed += need,
            Spent::Nothing => {}
        }
    }

    /// The account has it all; we hold `held` by it.
    pub fn kept(&mut self, held: Amount) {
        *self = Self { held, written: held, ..Self::default() };
    }

    /// Whether the account knows all.
    pub fn is_written(&self) -> bool {
        self.reported.is_zero() && self.assumed.is_zero() && self.held == self.written
    }

    /// Whether the account knows all and we hold nothing.
    pub fn is_settled(&self) -> bool {
        *self == Self::default()
    }
}

impl SpendingDocument {
    /// Counts as spent what consumers hold that have been silent for too long.
    pub fn bury(&mut self, owner: &str, now: u64) {
        let (alive, dead): (Vec<_>, Vec<_>) = std::mem::take(&mut self.holders)
            .into_iter()
            .partition(|one| one.owner == owner || one.until >= now);
        self.holders = alive;
        dead.iter().for_each(|one| self.lost += one.held);
    }

    /// Enters what `owner` did not write yet. Whoever was taken for dead takes back what was counted as lost.
    pub fn enter(&mut self, owner: &str, unwritten: &Unwritten) {
        if !self.holders.iter().any(|one| one.owner == owner) {
            self.lost = self.lost.less(unwritten.written);
        }
        self.reported += unwritten.reported;
        self.assumed += unwritten.assumed;
    }

    /// What others hold.
    pub fn held_by_others(&self, owner: &str) -> Amount {
        let others = self.holders.iter().filter(|one| one.owner != owner);
        others.fold(Amount::default(), |sum, one| sum + one.held)
    }

    /// Lets `owner` hold this much, alive until `until`.
    pub fn hold(&mut self, owner: &str, held: Amount, until: u64) {
        self.holders.retain(|one| one.owner != owner);
        if !held.is_zero() {
            self.holders.push(Holder { owner: owner.to_owned(), held, until });
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::contract::{JobId, Name};

    const EXAMPLES: &str =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/examples/budget.json"));

    fn amount(tokens: u64, usd: f64) -> Amount {
        Amount { tokens, usd }
    }

    fn account() -> SpendingDocument {
        SpendingDocument::open(&Name::default_tenant(), &JobId::try_from("j".to_owned()).unwrap())
    }

    #[test]
    fn calls_are_judged_as_in_python() {
        let examples: Value = serde_json::from_str(EXAMPLES).unwrap();
        for one in examples.as_array().unwrap() {
            let read = |key: &str| serde_json::from_value(one[key].clone()).unwrap();
            let budget: Budget = serde_json::from_value(one["budget"].clone()).unwrap();
            let (word, reason) = match judge(&budget, read("committed"), read("held"), read("need")) {
                Room::Granted => ("granted", None),
                Room::Full => ("full", None),
                Room::Over(reason) => ("over", Some(reason)),
            };
            assert_eq!(
                (word, reason.as_deref()),
                (one["room"].as_str().unwrap(), one["reason"].as_str()),
                "{one}"
            );
        }
    }

    #[test]
    fn what_a_dead_consumer_held_counts_as_spent_until_it_comes_back() {
        let mut account = account();
        let mut unwritten = Unwritten { held: amount(300, 0.3), ..Unwritten::default() };
        account.hold("a", unwritten.held, 100);
        unwritten.kept(unwritten.held);
        account.bury("b", 100);
        assert!(account.committed().is_zero(), "it is still alive");
        account.bury("b", 101);
        assert_eq!((account.lost, account.holders.len()), (amount(300, 0.3), 0));
        unwritten.settle(amount(100, 0.1), Spent::Reported(amount(80, 0.08)));
        account.enter("a", &unwritten);
        account.hold("a", unwritten.held, 200);
        assert_eq!((account.lost.tokens, account.reported.tokens), (0, 80));
        assert_eq!(account.held_by_others("b").tokens, 200);
    }

    #[test]
    fn a_call_that_did_not_say_what_it_took_counts_with_its_estimate() {
        let mut unwritten = Unwritten { held: amount(300, 0.0), ..Unwritten::default() };
        unwritten.settle(amount(100, 0.0), Spent::Assumed);
        unwritten.settle(amount(100, 0.0), Spent::Nothing);
        unwritten.settle(amount(100, 0.0), Spent::Reported(amount(7, 0.0)));
        assert_eq!((unwritten.assumed.tokens, unwritten.reported.tokens), (100, 7));
        assert!(unwritten.held.is_zero());
    }
}
