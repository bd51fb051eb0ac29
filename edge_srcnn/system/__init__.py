"""The operating system: files, processes, signals, temperature."""
