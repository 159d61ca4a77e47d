"""What is measured, and printed as the tables in ``docs/``."""
