"""`python -m tests.golden.make_published`: writes published.json anew.

Only for a change of a published family's maths that is meant, which the parity tests must allow.
"""

import json

import torch

from tests.golden.published import FILE, all_stages, summary


def main() -> None:
    """Run all, and store."""
    torch.set_num_threads(1)
    stages = all_stages()
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(summary(stages[name]))}" for name in stages)
    FILE.write_text(f"{{\n{lines}\n}}\n", "utf-8")  # a line a stage


if __name__ == "__main__":
    main()
