"""Versioned files that the program writes, each checked by a published JSON Schema; text in and out, no network."""
