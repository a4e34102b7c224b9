"""Who may do what: keys that belong to a tenant, and a scope for every route."""
