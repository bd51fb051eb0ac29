"""Pictures and videos in any number: which they are, and the work on them."""
