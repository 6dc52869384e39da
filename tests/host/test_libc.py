"""What Linux's C library does for the host, seen from outside the process."""

import subprocess
import sys

import pytest

# The pages that a later round of bodies takes from the system.
FAULTS = """
import resource, sys
from img402_mcp.host.libc import keep_freed_memory
if "kept" in sys.argv:
    keep_freed_memory()
def bodies():
    return [bytes(300_000) for _ in range(20)]
for _ in range(4):
    bodies()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
bodies()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's allocator")
def test_what_bodies_took_of_memory_is_there_for_the_next():
    def faults(*words: str) -> int:
        return int(subprocess.run([sys.executable, "-c", FAULTS, *words], check=True, capture_output=True).stdout)

    assert faults("kept") < 20 < faults()
