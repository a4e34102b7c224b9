"""What happens to a job, told while it happens, as a stream of server-sent events."""
