"""Gate reports: what the release gate found in a job's records."""
