"""XMP sidecars: the tags of a photo, in a file beside it."""
