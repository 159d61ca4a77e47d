"""Limits that are part of the API's contract, not of a deployment. Depends on nothing."""

# How many classes an answer names unless the request says otherwise, and at the most.
TOP_K_DEFAULT = 3
TOP_K_MAX = 100
# A map is six times as long as its class without one: 100 of them for each of 10,000 photos would
# fill Redis.
EXPLAIN_TOP_K_MAX = 10
