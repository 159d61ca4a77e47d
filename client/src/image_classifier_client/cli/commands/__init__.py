"""The commands: ``classify PATH…``, ``classify --watch JOB_ID``, ``… jobs`` and ``… health``."""
