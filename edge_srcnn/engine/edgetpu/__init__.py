"""Coral Edge TPUs: their library, the delegate, and several of them at one picture."""
