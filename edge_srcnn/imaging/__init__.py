"""Pixels: luma, bicubic scaling, mirror padding and tiles, quality metrics."""
