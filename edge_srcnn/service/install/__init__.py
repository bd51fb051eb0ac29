"""The units on the disk: install, remove, how they are."""
