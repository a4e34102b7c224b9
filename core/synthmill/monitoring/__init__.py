"""What a service tells whoever watches it: that it lives, whether it can work, and its metrics.

# Layout
- `metrics`    counters, histograms and gauges, and their text; the only file that names prometheus_client
- `readiness`  asks what a service needs whether it answers, never longer than two seconds
- `ports`      those questions for the three ports
- `pages`      /healthz, /readyz and /metrics as answers, and an ASGI application that serves nothing else
- `server`     serves them beside a program that has no HTTP server of its own
"""
