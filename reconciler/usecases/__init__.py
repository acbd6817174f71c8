"""What the entry points do, one module for each use case."""
