"""What the worker does with a message, one module each."""
