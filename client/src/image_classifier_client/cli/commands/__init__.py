"""The commands: ``classify PHOTO…``, ``classify --watch JOB`` and ``classify health``."""
