"""Own the options that commands share, grouped by what they are about."""
