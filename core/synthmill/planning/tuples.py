"""The attribute tuple of a slot: source, sampler and early expression columns, fixed before any call.

The same recipe, N, slot and seed give the same tuple, byte for byte, in every process.
"""

from collections.abc import Callable, Mapping, Sequence

from pydantic import JsonValue

from synthmill.planning.samplers import SampleFailed, sample
from synthmill.recipes.compiled import CompiledRecipe, TupleColumn
from synthmill.recipes.templates import RenderFailed, Templates
from synthmill_schemas.ids import canonical_json
from synthmill_schemas.recipe import ExpressionColumn, FieldContract, SamplerColumn, SourceColumn, ValueType

SeedData = Mapping[str, JsonValue]
Attributes = dict[str, JsonValue]
Step = Callable[[int, SeedData, Attributes], JsonValue]


class TupleFailed(ValueError):
    """A slot whose tuple cannot be made from its seed; no other round can mend that. The message says why."""


class TupleMaker:
    """Makes the tuples of one job."""

    def __init__(self, compiled: CompiledRecipe, records: int, earlier: Sequence[int] = ()) -> None:
        """`records` is N, `earlier` what it was before each extension."""
        expressions = [column for column in compiled.tuple_columns if isinstance(column, ExpressionColumn)]
        self._templates = Templates({column.name: column.template for column in expressions})
        self._steps = [
            (column.name, self._step(column, compiled, records, earlier)) for column in compiled.tuple_columns
        ]

    def attributes(self, slot: int, seed_data: SeedData | None = None) -> Attributes:
        """Values by name in the order of `tuple_columns`; `seed_data` are the typed fields. Raises `TupleFailed`."""
        attributes: Attributes = {}
        for name, step in self._steps:
            try:
                attributes[name] = step(slot, seed_data or {}, attributes)
            except (SampleFailed, RenderFailed) as error:
                raise TupleFailed(f"column {name!r}: {error}") from error
        return attributes

    def _step(self, column: TupleColumn, compiled: CompiledRecipe, records: int, earlier: Sequence[int]) -> Step:
        match column:
            case SourceColumn():
                field = compiled.source_fields[column.name]
                contract = compiled.recipe.input.fields.get(field, FieldContract())
                return lambda _, seed_data, __: source_value(seed_data, field, contract)
            case SamplerColumn():
                draw = sample(column, compiled.recipe.seed, records, earlier)
                return lambda slot, _, attributes: draw(slot, attributes)
            case ExpressionColumn(name=name, type=type_):
                return lambda _, __, attributes: self._templates.value(name, attributes, type_)


def attributes(compiled: CompiledRecipe, slot: int, records: int, seed_data: SeedData | None) -> Attributes:
    """The tuple of one slot; for many slots keep a `TupleMaker`. Raises `TupleFailed`."""
    return TupleMaker(compiled, records).attributes(slot, seed_data)


def source_value(seed_data: SeedData, field: str, contract: FieldContract) -> JsonValue:
    """The field as its contract types it; text columns take any other value as its JSON. Raises `SampleFailed`."""
    value = seed_data.get(field)
    if value is None:
        if contract.required:
            raise SampleFailed(f"the seed has no field {field!r}")
        return None
    if contract.type is ValueType.STRING:
        return value if isinstance(value, str) else canonical_json(value)
    if _is_of(value, contract.type):
        return value
    raise SampleFailed(f"field {field!r} of the seed holds {value!r}, not {contract.type.value}")


def _is_of(value: JsonValue, type_: ValueType) -> bool:
    match type_:
        case ValueType.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case ValueType.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case ValueType.BOOLEAN:
            return isinstance(value, bool)
        case _:
            return True
