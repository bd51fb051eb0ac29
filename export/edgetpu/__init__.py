"""Bring a network into its form for Coral's Edge TPU, tell what the compiler will say of it, and compile it.

The compiler is a closed program for x86-64. What can be known without it is in ``op_versions.json``, ``rules`` and
``memory``; ``preflight`` checks any ``.tflite`` by them.
"""
