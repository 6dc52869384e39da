"""The host's own tests once more: on PostgreSQL and S3, each client's requests going to two workers in turn."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOST = Path(__file__).parents[2] / "host"
FREE = [
    "storage/blobs/test_base.py",
    "test_invariant_10_visible_only_whole.py",
    "apis/io42/test_submit.py",
    "test_rate_limits.py",
    "test_memory.py",
    "apis/io42/test_presigned_put.py",
    "db/test_schema.py",
    "serving/test_response.py",
    "apis/test_studio.py",
    "storage/test_receive.py",
]
PAID = [
    "payments/test_invariant_10_one_payment_one_thing.py",
    "payments/test_io42_fees.py",
    "payments/test_paywall.py",
    "payments/test_records.py",
    "payments/facilitators/test_play.py",
    "payments/test_races.py",
    "payments/test_real_workers.py",
]


@pytest.mark.timeout(700)
def test_two_workers_over_shared_stores_pass_the_api_suite(database: str, storage: dict[str, str]):
    """The two halves run side by side, in schemas and prefixes of their own."""
    env = os.environ | storage | {"IMG402_TEST_DATABASE": database, "IMG402_TEST_BLOBS": "s3://images/suite"}
    running = [started(files, env) for files in (FREE, PAID)]
    outputs = [half.communicate(timeout=600)[0] for half in running]
    assert [half.returncode for half in running] == [0, 0], "".join(text[-6000:] for text in outputs)


def started(files: list[str], env: dict[str, str]) -> subprocess.Popen[str]:
    words = ["-q", "-p", "no:cacheprovider", "-m", "not one_machine", *(str(HOST / name) for name in files)]
    return subprocess.Popen([sys.executable, "-m", "pytest", *words], env=env, stdout=subprocess.PIPE, text=True)
