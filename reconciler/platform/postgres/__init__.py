"""The tables of users' schedules."""
