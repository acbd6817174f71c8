"""Users' schedules: their rows, the service, the worker, and the repair."""
