"""The version of this release, also in `pyproject.toml`: reading it from there would slow down every start."""

VERSION = "0.1.0"
