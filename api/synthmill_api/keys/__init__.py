"""Keys over REST: a tenant's admins make, rotate and revoke the keys of their own tenant."""
