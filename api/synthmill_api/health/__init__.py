"""Health: for whoever decides to restart us, or to send us requests."""
