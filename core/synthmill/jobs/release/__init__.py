"""Makes a finished job's records a version of its dataset (decision 0016).

# Layout
- `run`        the release of one job, from its turn to the move of `latest`
- `turn`       one release of a dataset at a time
- `marking`    `since` and `until`, by bulk
- `documents`  read and compare-and-swap datasets, read versions
- `versions`   what a version shows, and which there are
- `abandoned`  carry releases to their end whose process died
"""

from synthmill.jobs.release.run import Release, ReleaseOutcome, release

__all__ = ["Release", "ReleaseOutcome", "release"]
