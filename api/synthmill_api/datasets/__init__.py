"""Datasets: what was released, by version."""
