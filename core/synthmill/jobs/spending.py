"""Whether a call fits into its job's budget (decision 0024), and how an account changes. Pure.

The consumer's twin is `consumer/src/spending.rs`; `schemas/examples/budget.json` holds both to the same verdicts.
"""

from dataclasses import dataclass, replace

from synthmill_schemas.base import JsonObject
from synthmill_schemas.budget import Amount, Budget, Holder, SpendingDocument
from synthmill_schemas.ledger import CallOutcome
from synthmill_schemas.stdio import Room

ALIVE_SECONDS = 30
"""Who holds something and is silent for so long is taken for dead; what it held counts as spent."""

NOTHING = Amount()
_ROUNDING = 1e-9  # dollars are sums of many small numbers: a cap that is met exactly must not fail by rounding


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether there is room for a call; over: why not."""

    room: Room
    reason: str | None = None


def plus(one: Amount, other: Amount) -> Amount:
    """Both together."""
    return Amount(tokens=one.tokens + other.tokens, usd=one.usd + other.usd)


def less(one: Amount, other: Amount) -> Amount:
    """One without the other, never below nothing."""
    return Amount(tokens=max(0, one.tokens - other.tokens), usd=max(0.0, one.usd - other.usd))


def judge(budget: Budget, committed: Amount, held: Amount, need: Amount) -> Judged:
    """Judges a call of at most `need`, when `committed` is spent and `held` is reserved by calls in flight."""
    room = Room.GRANTED
    if (tokens := budget.max_tokens) is not None:
        if committed.tokens + need.tokens > tokens:
            spent = f"{committed.tokens} of max_tokens {tokens} are spent"
            return Judged(Room.OVER, f"{spent}, the next call may take {need.tokens}")
        if committed.tokens + held.tokens + need.tokens > tokens:
            room = Room.FULL
    if (usd := budget.max_usd) is not None:
        most = usd * (1 + _ROUNDING)
        if committed.usd + need.usd > most:
            spent = f"{committed.usd:.4f} of max_usd {usd:.4f} are spent"
            return Judged(Room.OVER, f"{spent}, the next call may cost {need.usd:.4f}")
        if committed.usd + held.usd + need.usd > most:
            room = Room.FULL
    return Judged(room)


def used_up(budget: Budget, committed: Amount) -> str | None:
    """Why no call at all fits any more; None: a small one may."""
    judged = judge(budget, committed, NOTHING, Amount(tokens=1, usd=0.0))
    if judged.room is not Room.OVER and budget.max_usd is not None and committed.usd >= budget.max_usd:
        return f"{committed.usd:.4f} of max_usd {budget.max_usd:.4f} are spent"
    return judged.reason


def what_to_do(job_id: str, reason: str) -> str:
    """The reason of a job that its budget paused."""
    return (
        f"its budget is used up: {reason}. Raise it to go on: `synthmill resume {job_id}` with --max-tokens or "
        f"--max-usd, or PATCH /v1/jobs/{job_id}"
    )


def committed(account: SpendingDocument) -> Amount:
    """What counts as spent."""
    return plus(plus(account.reported, account.assumed), account.lost)


def held_by_others(account: SpendingDocument, owner: str) -> Amount:
    """What other consumers have reserved."""
    total = NOTHING
    for holder in account.holders:
        if holder.owner != owner:
            total = plus(total, holder.held)
    return total


def bury(account: SpendingDocument, owner: str, at: int) -> SpendingDocument:
    """Counts as lost what others hold that have been silent for too long; `at`: seconds since 1970."""
    lost, alive = account.lost, list[Holder]()
    for holder in account.holders:
        if holder.owner == owner or holder.until >= at:
            alive.append(holder)
        else:
            lost = plus(lost, holder.held)
    return account.model_copy(update={"lost": lost, "holders": alive})


def hold(account: SpendingDocument, owner: str, held: Amount, until: int) -> SpendingDocument:
    """Lets `owner` hold this much."""
    others = [holder for holder in account.holders if holder.owner != owner]
    mine = [Holder(owner=owner, held=held, until=until)] if held != NOTHING else []
    return account.model_copy(update={"holders": [*others, *mine]})


@dataclass(frozen=True, slots=True)
class Unwritten:
    """What one holder knows that the account does not; `written` is what the account says that it holds."""

    reported: Amount = NOTHING
    assumed: Amount = NOTHING
    held: Amount = NOTHING
    written: Amount = NOTHING

    def granted(self, need: Amount) -> "Unwritten":
        """A call more is in flight."""
        return replace(self, held=plus(self.held, need))

    def settled(self, need: Amount, call: JsonObject | None) -> "Unwritten":
        """A call has ended as its ledger document says; None: nobody knows how."""
        held = less(self.held, need)
        if held.tokens == 0:
            held = NOTHING  # what is left of its dollars is rounding
        if call is not None and (took := _reported(call)) is not None:
            return replace(self, held=held, reported=plus(self.reported, took))
        if call is None or _may_be_paid(call):
            return replace(self, held=held, assumed=plus(self.assumed, need))
        return replace(self, held=held)

    def kept(self) -> "Unwritten":
        """The account has it all."""
        return Unwritten(held=self.held, written=self.held)


def enter(account: SpendingDocument, owner: str, unwritten: Unwritten) -> SpendingDocument:
    """Enters what `owner` did not write yet. Whoever was taken for dead takes back what was counted as lost."""
    there = any(holder.owner == owner for holder in account.holders)
    return account.model_copy(
        update={
            "lost": account.lost if there else less(account.lost, unwritten.written),
            "reported": plus(account.reported, unwritten.reported),
            "assumed": plus(account.assumed, unwritten.assumed),
        }
    )


def _reported(call: JsonObject) -> Amount | None:
    tokens = call["prompt_tokens"] + call["completion_tokens"]
    if call["outcome"] != CallOutcome.ANSWERED or not tokens:
        return None
    return Amount(tokens=tokens, usd=call["cost_usd"] or 0.0)


def _may_be_paid(call: JsonObject) -> bool:
    """An answer without numbers; or none, unless a status of the provider says that it did not do the work."""
    if call["outcome"] == CallOutcome.ANSWERED:
        return True
    return bool(call["outcome"] == CallOutcome.FAILED and (call["status"] is None or call["status"] < 400))
