"""Routes that speak the protocols of other services, for clients that exist."""
