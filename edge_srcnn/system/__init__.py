"""Reach the operating system: files, pipes, processes, signals, temperature, installed libraries."""
