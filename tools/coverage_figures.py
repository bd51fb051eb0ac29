"""Print the two figures of a coverage report (JSON on standard input): lines, and branches."""

import json
import sys


def main() -> None:
    """Print shares in percent, and of how many."""
    totals = json.load(sys.stdin)["totals"]
    lines, branches = totals["num_statements"], totals["num_branches"]
    print(f"lines: {100 * totals['covered_lines'] / lines:.1f} % of {lines:,}")
    print(f"branches: {100 * totals['covered_branches'] / branches:.1f} % of {branches:,}")


if __name__ == "__main__":
    main()
