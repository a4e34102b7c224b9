"""Runs a suite with Great Expectations over a SQLite file; the only module that names it.

SQLite and not pandas: its queries take the same memory for a hundred records as for a million (decision 0018). The
context lives in memory, nothing of it is kept, and nothing is sent anywhere.
"""

import hashlib
import logging
import os
import sqlite3
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jsonschema_rs

from synthmill_flows.gate.checks import TABLE, Check
from synthmill_flows.gate.layout import RECORD_ID
from synthmill_flows.gate.page import self_contained
from synthmill_flows.gate.staging import Staged
from synthmill_schemas.ids import canonical_json

EXAMPLES = 5
PORTION = 200
"""Checks that are asked together: the engine makes one query of them, and SQLite answers with 2,000 columns at most."""
_ONE_AT_A_TIME = threading.Lock()
"""A context is the whole process's: two gates in two threads would put their suites into one."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The engine's own words on each check, in the order of the checks, and its page."""

    results: list[dict[str, Any]]
    page: str
    engine: str


def evaluate(staged: Staged, title: str, checks: list[Check]) -> Evaluated:
    """Runs a checkpoint of all checks; takes seconds to minutes, so call it in a thread of its own."""
    with _ONE_AT_A_TIME, _imported() as gx:
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False}
        # Of two expectations of one type and the same parameters a suite keeps one.
        asked = {_asked(check): check for check in checks}
        validated = _checkpoint(gx, context, staged, title, list(asked.values())).run()
        result = _whole(list(validated.run_results.values()))
        answers = {found.expectation_config.meta["asked"]: found for found in result.results}
        results = [answers[_asked(check)].to_json_dict() for check in checks]
        return Evaluated(results, _page(result), f"great_expectations {gx.__version__}")


@contextmanager
def _imported() -> "Iterator[Any]":
    """The library, quiet: what it and its dependencies warn of at import is not about us."""
    os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx

        logging.getLogger("great_expectations").setLevel(logging.WARNING)
        yield gx


def _checkpoint(gx: Any, context: Any, staged: Staged, title: str, checks: list[Check]) -> Any:  # noqa: ANN401
    """Its classes are made from JSON schemas at run time, so types would say nothing here."""
    source = context.data_sources.add_sqlite("staged", connection_string=f"sqlite:///{staged.path}")
    _use_our_regexes(source.get_engine())
    batch = source.add_table_asset(title, table_name=TABLE).add_batch_definition_whole_table("all records")
    validations = []
    for first in range(0, len(checks), PORTION):
        suite = context.suites.add(_suite(gx, f"{title} {first}", checks[first : first + PORTION]))
        validation = gx.ValidationDefinition(name=f"{title} {first}", data=batch, suite=suite)
        validations.append(context.validation_definitions.add(validation))
    return gx.Checkpoint(
        name=title,
        validation_definitions=validations,
        result_format={
            "result_format": "SUMMARY",
            "partial_unexpected_count": EXAMPLES,
            "unexpected_index_column_names": [RECORD_ID],
        },
    )


def _suite(gx: Any, name: str, checks: list[Check]) -> Any:  # noqa: ANN401
    from great_expectations.expectations.registry import get_expectation_impl

    suite = gx.ExpectationSuite(name=name)
    for check in checks:
        described = {"description": check.expects} if check.type == "unexpected_rows_expectation" else {}
        meta = {"name": check.name, "severity": check.severity.value, "asked": _asked(check)}
        implementation: Any = get_expectation_impl(check.type)
        suite.add_expectation(implementation(**check.parameters, **described, meta=meta))
    return suite


def _whole(portions: list[Any]) -> Any:  # noqa: ANN401
    """One result of all portions, for one page."""
    whole = portions[0]
    whole.results = [found for portion in portions for found in portion.results]
    whole.success = all(found.success for found in whole.results)
    passed, asked = sum(found.success for found in whole.results), len(whole.results)
    whole.statistics = {
        "evaluated_expectations": asked,
        "successful_expectations": passed,
        "unsuccessful_expectations": asked - passed,
        "success_percent": 100 * passed / asked,
    }
    return whole


def _asked(check: Check) -> str:
    return hashlib.sha256(canonical_json([check.type, check.parameters]).encode()).hexdigest()[:16]


def _page(result: Any) -> str:  # noqa: ANN401
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    view: Any = DefaultJinjaPageView()
    page: str = view.render(ValidationResultsPageRenderer().render(result))
    return self_contained(page)


def _use_our_regexes(engine: Any) -> None:  # noqa: ANN401
    """Patterns are tried by the engine that the consumer has, in linear time, and not by Python's."""
    from sqlalchemy import event

    def on_connect(connection: sqlite3.Connection, _: object) -> None:
        connection.create_function("regexp", 2, _regexp, deterministic=True)

    event.listen(engine, "connect", on_connect)


def _regexp(pattern: str, value: object) -> bool | None:
    if value is None:
        return None
    return isinstance(value, str) and _validator(pattern).is_valid(value)


@lru_cache(maxsize=512)
def _validator(pattern: str) -> jsonschema_rs.Draft202012Validator:
    try:
        options = jsonschema_rs.RegexOptions()
        return jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=options, offline=True)
    except (jsonschema_rs.ValidationError, ValueError):  # look-around, which a column's JSON Schema may have
        return jsonschema_rs.Draft202012Validator({"pattern": pattern}, offline=True)
