"""Caps on what a job may spend, and what it has spent."""
