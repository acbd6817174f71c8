"""The versioned JSON documents that the program writes and reads, each with a published JSON Schema."""
