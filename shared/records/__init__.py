"""Job records in Redis, changed by Lua scripts in atomic steps."""
