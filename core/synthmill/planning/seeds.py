"""Which seed a slot is made from, and how many records a recipe makes of so many seeds."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from synthmill.errors import InputUnusable, UserError
from synthmill.planning.permutation import Permutation
from synthmill.recipes.checks.whole import quota_faults
from synthmill.recipes.compiled import CompiledRecipe
from synthmill.recipes.errors import Fault, RecipeInvalid, dotted
from synthmill_schemas.recipe import SamplerColumn, SeedOrder, SeedPlan, SeedReuse

MAX_RECORDS = 100_000_000
"""As `Target.records` allows; also for N from the number of seeds."""


class SeedSpace:
    """The seeds of all sources of a job in a row: the first set's, then the second's, and so on."""

    def __init__(self, sets: Sequence[tuple[str, int]], plan: SeedPlan, recipe_seed: int) -> None:
        self._sets = [(seed_set, count) for seed_set, count in sets if count > 0]
        self._ends = list(accumulate(count for _, count in self._sets))
        self._plan = plan
        self._recipe_seed = recipe_seed
        self._shuffles: dict[int, Permutation] = {}
        self.total = self._ends[-1] if self._ends else 0

    def capacity(self) -> int:
        """How many slots there are before a seed is used more than `records_per_seed` times."""
        return self.total * self._plan.records_per_seed

    def address(self, slot: int) -> tuple[str, int]:
        """The set and the ordinal in it of the slot's seed."""
        if not self.total:
            raise InputUnusable("there are no seeds")
        turn, position = divmod(slot // self._plan.records_per_seed, self.total)
        if self._plan.order is SeedOrder.SHUFFLED:
            position = self._shuffle(turn)(position)
        index = bisect_right(self._ends, position)
        seed_set, count = self._sets[index]
        return seed_set, position - (self._ends[index] - count)

    def _shuffle(self, turn: int) -> Permutation:
        """Each turn through the seeds has its own order."""
        if turn not in self._shuffles:
            self._shuffles.clear()  # slots come in order, so one turn at a time is in use
            self._shuffles[turn] = Permutation(self.total, f"{self._recipe_seed}\nseeds\n{turn}")
        return self._shuffles[turn]


def resolve_records(compiled: CompiledRecipe, space: SeedSpace) -> int:
    """N. Raises a `UserError` that says what to change if the seeds cannot give it."""
    recipe = compiled.recipe
    if compiled.needs_input and not space.total:
        raise InputUnusable("the input gave no usable row: look at its rejects, or upload another file")
    records = recipe.target.records if recipe.target.records is not None else space.capacity()
    if not records:
        raise UserError("the number of records is not known: set target.records")
    if compiled.needs_input and recipe.seeds.reuse is SeedReuse.ONCE and records > space.capacity():
        raise InputUnusable(
            f"{records} records need more than the {space.total} seeds give ({space.capacity()}): upload more rows, "
            "raise seeds.records_per_seed, set seeds.reuse: cycled, or lower target.records"
        )
    _check_limits(compiled, records)
    return records


def _check_limits(compiled: CompiledRecipe, records: int) -> None:
    """What the compiler could not check while N was unknown."""
    target = compiled.recipe.target
    if records > MAX_RECORDS:
        raise UserError(f"{records} records are more than a job can hold ({MAX_RECORDS}): set target.records")
    if target.max_candidates is not None and target.max_candidates < records:
        raise UserError(f"target.max_candidates, {target.max_candidates}, is below the {records} records: raise it")
    faults = [
        Fault(dotted(found.path), f"column {column.name!r}: {found.message}", found.hint)
        for index, column in enumerate(compiled.recipe.columns)
        if isinstance(column, SamplerColumn)
        for found in quota_faults(column, index, records)
    ]
    if faults:
        raise RecipeInvalid(faults)
