"""What a recipe needs of a source's columns, and the id of the seeds that follow from it."""

from dataclasses import dataclass

from synthmill.inputs.detect import SourceKind
from synthmill.inputs.extract.rows import Limits
from synthmill.recipes import CompiledRecipe
from synthmill.seeding.contracts import RowContract
from synthmill_schemas.ids import seed_set_id
from synthmill_schemas.job import Source

_EXTRACTION_VERSION = 1  # raise it when a reader gives other rows for the same file
_ALL_TEXT = frozenset({SourceKind.CSV, SourceKind.TSV})


@dataclass(frozen=True, slots=True)
class Demands:
    """The demands of one recipe."""

    compiled: CompiledRecipe
    limits: Limits

    @property
    def columns(self) -> tuple[str, ...]:
        """Those without which a source is of no use: all that the recipe reads, less what it declares optional."""
        recipe = self.compiled.recipe
        fields = recipe.input.fields
        read = [*self.compiled.source_fields.values(), *fields]
        wanted = [name for name in read if name not in fields or fields[name].required]
        return tuple(dict.fromkeys([*wanted, recipe.key] if recipe.key else wanted))

    def seed_set(self, tenant: str, source: Source) -> str:
        """The id of the seeds that this file gives to this recipe."""
        recipe = self.compiled.recipe
        extraction = {
            "version": _EXTRACTION_VERSION,
            "key": recipe.key,
            "input": recipe.input.model_dump(mode="json"),
            "columns": sorted(self.columns),
            "row_bytes": self.limits.row_bytes,
        }
        return seed_set_id(tenant, source.key, source.sha256, extraction)

    def contract(self, kind: SourceKind) -> RowContract:
        """The rules for the rows of a source of this kind."""
        fields = self.compiled.recipe.input.fields
        is_text = kind in _ALL_TEXT
        # every row of a CSV has all the columns, if only as empty text
        undeclared = () if is_text else tuple(name for name in self.columns if name not in fields)
        return RowContract(fields, undeclared, is_text)
