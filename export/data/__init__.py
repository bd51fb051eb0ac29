"""Training pictures: pairs, patches, and how large pictures become small ones."""
