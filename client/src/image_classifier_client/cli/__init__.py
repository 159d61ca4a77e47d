"""The command ``classify``. Depends on the SDK, typer and rich; the SDK knows nothing of it."""
