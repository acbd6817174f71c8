"""The version of this release, which `pyproject.toml` has as well: reading it from there would cost every start."""

VERSION = "0.1.0"
