"""What requests and responses look like: schemas, problem documents, OpenAPI."""
