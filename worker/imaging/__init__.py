"""From a photo's bytes to the pixels that the model sees."""
