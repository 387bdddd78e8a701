"""Counts what pytest ran, and fails when a test was skipped for a reason that nobody agreed to."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree

# Beginnings of reasons. Short, and every line a decision.
ALLOWED: tuple[str, ...] = ()


def report(path: Path) -> tuple[dict[str, int], list[str]]:
    """Counts by outcome, and the skipped tests whose reason is not allowed."""
    counts, refused = {"run": 0, "skipped": 0, "expected to fail": 0}, []
    for case in ElementTree.parse(path).iter("testcase"):  # noqa: S314 (pytest wrote it a moment ago)
        skipped = case.find("skipped")
        if skipped is None:
            counts["run"] += 1
        elif skipped.get("type") == "pytest.xfail":
            counts["expected to fail"] += 1
        else:
            counts["skipped"] += 1
            reason = skipped.get("message") or "no reason given"
            if not reason.startswith(ALLOWED or ("\0",)):
                refused.append(f"{case.get('classname')}::{case.get('name')}: {reason}")
    return counts, refused


def main() -> int:
    """Prints the counts; 1 when something was left out."""
    counts, refused = report(Path(sys.argv[1]))
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    for line in refused:
        print(f"NOT TESTED: {line}", file=sys.stderr)
    if not counts["run"]:
        print("no test ran", file=sys.stderr)
    return 1 if refused or not counts["run"] else 0


if __name__ == "__main__":
    sys.exit(main())
