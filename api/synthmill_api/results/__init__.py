"""Results: what a job made, readable while it still runs."""
