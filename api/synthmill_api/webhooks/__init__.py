"""Webhooks: who is told when a job changes its state, and what became of each message."""
