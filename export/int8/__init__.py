"""From float weights to full int8: balancing, rounding by GPTQ, fake quantization, conversion."""
