"""One module a command; each has `<name>_command`, imported only when it runs."""
