"""When schedules fire: Temporal's cron grammar, durations, next times, and rates, as pure functions.

Converts text to `timings.Calendar` and `timings.Interval` and back. Does not use files, servers, or the clock.
"""
