"""An engine in a process of its own: when it crashes or hangs, the program lives."""
