"""Turn float weights into full int8: balancing, rounding by GPTQ, fake quantization, conversion."""
