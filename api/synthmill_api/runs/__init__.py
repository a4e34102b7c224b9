"""Flow runs and schedules: what Prefect does for a tenant, without telling the tenant where Prefect is."""
