"""The file formats: each reads its header without decoding, and then decodes the picture."""
