"""What a tenant may use: requests, uploaded bytes, running jobs, and tokens and money of a month.

# Layout
- `limits`     the limits of a tenant, as they are stored, with the settings' for what is not
- `bucket`     the request rate of one process
- `use`        what was used, counted from jobs, paid calls and received bytes
- `keeper`     refuses what goes beyond
- `endpoints`  tells a tenant where it stands
"""
