"""The network's side: the interpreters, and the way of the luma plane through them."""
