"""Train a network on a workstation, quantize it, package it and evaluate it.

Keras is imported by ``training`` and what stands on it; TensorFlow by ``int8.convert`` alone, when it converts.
"""
