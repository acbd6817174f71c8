"""Keep Temporal Schedules equal to what a repository declares."""
