"""``python -m edge_srcnn`` is ``edge-srcnn``."""

from edge_srcnn.cli import main

if __name__ == "__main__":
    main()
