"""What a developer runs: installing, serving, and keeping openapi.json up to date."""
