"""Coral's Edge TPU: the form that a network takes for it, what its compiler will say of a model, and the compiler.

The compiler is a closed program for x86-64. What can be known without it is in ``op_versions.json``, ``rules`` and
``memory``; ``preflight`` checks any ``.tflite`` by them.
"""
