"""Photos in boxes (HEIF): reads which pictures a file has and how they are compressed."""
