"""The commands for the service and the worker."""
