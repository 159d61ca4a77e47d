"""The reds that tell the scripted worker's model what to do with a photo.

Apart from that worker, whose import replaces the model of the process that imports it.
"""

KILLS, HANGS, FAILS, NO_NUMBER, POISONS = 250, 240, 230, 220, 210
