"""Measurements: frames a second, times of a frame, tuning, and what this machine has."""
