import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

from img402_mcp.host.secret_key import stored_secret


def test_the_secret_is_made_once_and_readable_only_by_its_owner(tmp_path: Path):
    secret = stored_secret(tmp_path)
    assert (len(secret), stored_secret(tmp_path), [*tmp_path.iterdir()]) == (32, secret, [tmp_path / "secret"])
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600


def test_workers_that_start_together_use_the_same_secret(tmp_path: Path):
    together = Barrier(8)

    def start(_worker: int) -> bytes:
        together.wait()
        return stored_secret(tmp_path)

    with ThreadPoolExecutor(8) as threads:
        for _ in range(10):
            assert len({*threads.map(start, range(8))}) == 1
            assert [*tmp_path.iterdir()] == [tmp_path / "secret"]
            (tmp_path / "secret").unlink()
