"""The command line: options in, one use case, one rendering, exit code out. The only package that uses click."""
