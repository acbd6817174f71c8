"""Development tools: the embedded Temporal server, and the demo that runs on it."""
