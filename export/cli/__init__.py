"""Offer the workstation's commands, which ``edge-srcnn`` finds by their entry points."""
