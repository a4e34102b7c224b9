"""How well a delimiter parts lines into fields; enough to tell a table from prose."""

import csv

DELIMITERS = (",", ";", "\t", "|")
SAMPLE_LINES = 50
UNFIT = (0.0, 0)
_TABLE_LINES = 3


def is_tabular(lines: list[str]) -> bool:
    """Whether some delimiter parts all of several lines alike; prose hardly ever does that."""
    sample = lines[:SAMPLE_LINES]
    return len(sample) >= _TABLE_LINES and any(fit(sample, delimiter)[0] == 1.0 for delimiter in DELIMITERS)


def fit(sample: list[str], delimiter: str) -> tuple[float, int]:
    """How well a delimiter parts the sample: the share of records as long as the header, and that length."""
    counts = [len(record) for record in csv.reader(sample, delimiter=delimiter) if record]
    if not counts or counts[0] < 2:
        return UNFIT
    return (sum(count == counts[0] for count in counts) / len(counts), counts[0])
