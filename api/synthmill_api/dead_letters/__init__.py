"""Dead letters: messages that nobody could work on, looked at and decided about."""
