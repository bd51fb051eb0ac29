"""The workstation side: train the Keras SRCNN, quantize it, package it, evaluate it.

Only the submodules that need them import Keras (architecture, training) and TensorFlow (quantization).
"""
