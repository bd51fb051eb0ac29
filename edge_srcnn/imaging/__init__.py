"""Work on pixels: luma, colour, bicubic scaling, padding, tiles and blocks, quality metrics."""
