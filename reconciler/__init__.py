"""Keep Temporal Schedules in sync with what a repository declares."""
