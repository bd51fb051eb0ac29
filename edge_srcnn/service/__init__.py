"""A camera that is sharpened for years: its configuration, and what keeps it going."""
