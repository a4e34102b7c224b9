"""What a dataset would take, told by a few of its records."""
