"""The workstation's commands; ``edge-srcnn`` finds them by their entry points."""
