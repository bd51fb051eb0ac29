"""Model files, those that are bundled, and which one live pictures get."""
