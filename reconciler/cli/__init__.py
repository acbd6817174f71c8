"""The command line: options in, one use case, one rendering, exit code out. The only home of click."""
