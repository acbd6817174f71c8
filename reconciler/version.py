"""This release's version, repeated from `pyproject.toml` because reading that file would slow down every start."""

VERSION = "0.1.0"
