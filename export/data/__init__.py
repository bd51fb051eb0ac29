"""Make training data: pairs of pictures, patches of them, and the degradations that make LR of HR."""
