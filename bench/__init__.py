"""Measurements, each alongside a floor in the same run; nothing here is a test."""
