"""The command line, built with click: each command parses its options, runs one use case, and renders the result."""
