"""Generation requests: the open slots of a round, k at a time, with their tuples and seeds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from synthmill.planning.seeds import SeedSpace
from synthmill.planning.tuples import TupleFailed, TupleMaker
from synthmill.recipes.compiled import CompiledRecipe
from synthmill_schemas.generation import GenerationRequest, RequestSlot
from synthmill_schemas.ids import request_id, seed_document_id
from synthmill_schemas.seed import SeedDocument


@dataclass(frozen=True, slots=True)
class SlotFault:
    """A slot without a tuple: park it (class input), no round can mend it."""

    slot: int
    reason: str
    seed: SeedDocument | None


@dataclass(frozen=True, slots=True)
class Planned:
    """One request, or none if every slot has a fault."""

    request: GenerationRequest | None
    faults: tuple[SlotFault, ...]


class Planner:
    """Plans one job; `space` holds its seeds, empty for a recipe without input.

    `earlier`: what N was before each time that the job was extended.
    """

    def __init__(
        self,
        compiled: CompiledRecipe,
        tenant: str,
        job_id: str,
        records: int,
        space: SeedSpace,
        earlier: Sequence[int] = (),
    ) -> None:
        self._compiled = compiled
        self._tenant = tenant
        self._job_id = job_id
        self._space = space
        self._tuples = TupleMaker(compiled, records, earlier)

    def chunks(self, open_slots: Iterable[int], batch: int | None = None) -> Iterator[tuple[int, ...]]:
        """The slots of one request after another: `batch` (default: the recipe's) in the order given."""
        slots = iter(open_slots)
        while chunk := tuple(islice(slots, batch or self._compiled.recipe.batch)):
            yield chunk

    def address(self, slot: int) -> str | None:
        """The id of the slot's seed document; None if the recipe has no input."""
        if not self._compiled.needs_input:
            return None
        return seed_document_id(*self._space.address(slot))

    def addresses(self, slots: Iterable[int]) -> list[str]:
        """Ids of the seed documents that these slots need, each once, in order of first use."""
        if not self._compiled.needs_input:
            return []
        return list(dict.fromkeys(seed_document_id(*self._space.address(slot)) for slot in slots))

    def request(self, round_: int, slots: Sequence[int], seeds: Mapping[str, SeedDocument]) -> Planned:
        """The request for these slots; `seeds` by document id, as `addresses` names them."""
        ready: list[RequestSlot] = []
        faults: list[SlotFault] = []
        for slot in slots:
            outcome = self._slot(slot, seeds)
            if isinstance(outcome, SlotFault):
                faults.append(outcome)
            else:
                ready.append(outcome)
        return Planned(self._request(round_, ready) if ready else None, tuple(faults))

    def _slot(self, slot: int, seeds: Mapping[str, SeedDocument]) -> RequestSlot | SlotFault:
        address = self.address(slot)
        seed = seeds.get(address) if address is not None else None
        if address is not None and seed is None:
            return SlotFault(slot, f"the seed {address} is not stored", None)
        try:
            attributes = self._tuples.attributes(slot, seed.data if seed else None)
        except TupleFailed as error:
            return SlotFault(slot, str(error), seed)
        return RequestSlot.model_construct(
            slot=slot,
            seed_id=seed.seed_id if seed else None,
            lineage=seed.lineage if seed else None,
            attributes=attributes,
        )

    def _request(self, round_: int, slots: list[RequestSlot]) -> GenerationRequest:
        """Made without validating again: the compiler checked the constant parts, `_slot` made the others."""
        compiled = self._compiled
        return GenerationRequest.model_construct(
            tenant=self._tenant,
            dataset=compiled.recipe.name,
            job_id=self._job_id,
            request_id=request_id(self._job_id, round_, slots[0].slot),
            round=round_,
            recipe_hash=compiled.recipe_hash,
            recipe_seed=compiled.recipe.seed,
            model=compiled.request_model,
            columns=list(compiled.generated),
            output=list(compiled.output),
            unique=list(compiled.unique),
            record_schema=compiled.record_schema,
            slots=slots,
            max_attempts=compiled.recipe.target.max_attempts,
        )

    @staticmethod
    def encode(request: GenerationRequest) -> bytes:
        """The message's body: JSON in UTF-8 without spaces."""
        return request.model_dump_json().encode()
