"""Schemas of responses, problem documents, OpenAPI, and the headers of requests."""
