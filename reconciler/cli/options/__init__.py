"""The options that commands share, grouped by topic."""
