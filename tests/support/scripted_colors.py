"""The red values that tell the scripted worker's model what to do with a photo.

Separate from that worker, whose import replaces the model in the importing process.
"""

KILLS, HANGS, FAILS, NO_NUMBER, POISONS = 250, 240, 230, 220, 210
