"""Kills paid uploads on a real chain, over and over, and prints what became of them: `kill.py ROUNDS [SEED]`.

.venv/bin/python tests/interop/x402/killing/kill.py 400
"""

import os
import sys
from pathlib import Path

import pytest


def main(rounds: str, seed: str = "402") -> int:
    os.environ |= {"KILL_ROUNDS": rounds, "KILL_SEED": seed}
    return pytest.main(["-q", "-p", "no:cacheprovider", str(Path(__file__).parent)])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
