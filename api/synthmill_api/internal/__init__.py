"""For programs of this installation, not for clients: what Prefect's automations tell."""
