"""The files of docs/deploy: the backup is tried, systemd reads the unit, and the container file matches the tree."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import anyio
import pytest
from httpx2 import AsyncClient

from img402_mcp.cli import main
from img402_mcp.host.settings import HostSettings
from tests.fakes.fixtures import Hosting, Sample

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
NO_CAPS = {"IMG402_HOST_FREE_DAILY": "0", "IMG402_HOST_FREE_DAILY_PER_ADDRESS": "0"}
VARIABLES = re.compile(r"IMG402_HOST_[A-Z0-9_]+")


async def upload(client: AsyncClient, image: bytes) -> dict[str, str]:
    answer = await client.post("/api/free", files={"image": image})
    assert answer.status_code == 200, answer.text
    uploaded: dict[str, str] = answer.json()
    return uploaded


async def upload_for_ever(client: AsyncClient, image: bytes) -> None:
    while True:
        await upload(client, image)


async def test_a_backup_of_a_running_host_is_whole_and_can_be_restored(
    hosting: Hosting, sample: Sample, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    image, backup = sample("plain.png"), tmp_path / "backup"
    async with hosting(IMG402_HOST_FREE_DAYS="0", **NO_CAPS) as client:
        before = [await upload(client, image) for _ in range(3)]
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(upload_for_ever, client, image)
            for _ in range(2):  # the second one only adds
                await anyio.run_process([DEPLOY / "backup.sh", data, backup])
            tasks.cancel_scope.cancel()
    (backup / "blobs" / "kept" / "aaaaaaaaaaaaa.png").write_bytes(image)  # what came after the rows were copied

    shutil.rmtree(data)
    shutil.copytree(backup, data)
    assert main.run(["host", "admin", "images", "verify", "--deep", "--data", str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    async with hosting() as restored:
        assert [(await restored.get(it["url"])).content for it in before] == [image] * 3
        assert (await restored.delete(before[0]["deleteUrl"])).status_code == 204


async def test_an_interrupted_backup_is_completed_and_what_is_missing_is_reported(
    client: AsyncClient, sample: Sample, data: Path, tmp_path: Path
):
    image, kept = sample("plain.png"), tmp_path / "backup" / "blobs" / "kept"
    name = (await upload(client, image))["url"].rpartition("/")[2]
    backup = [DEPLOY / "backup.sh", data, tmp_path / "backup"]
    await anyio.run_process(backup)
    (kept / name).write_bytes(image[:100])  # newer than the source, and short
    await anyio.run_process(backup)
    assert (kept / name).read_bytes() == image
    (data / "blobs" / "kept" / name).write_bytes(image[:100])
    done = await anyio.run_process(backup, check=False)
    assert (done.returncode, done.stderr.decode().splitlines()[0]) == (
        1,
        f"backup.sh: 1 images are not in the backup as their rows say, {name} first.",
    )


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_systemd_understands_the_unit(tmp_path: Path):
    unit = (DEPLOY / "img402.service").read_text(encoding="utf-8")
    (tmp_path / "img402.service").write_text(unit.replace("/opt/img402/bin/img402-mcp", "/bin/true"), encoding="utf-8")
    command = ["systemd-analyze", "verify", str(tmp_path / "img402.service")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_waits_longer_than_the_host_takes_to_stop(settings: Callable[..., HostSettings]):
    unit = (DEPLOY / "img402.service").read_text(encoding="utf-8")
    wait = int(re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[0])
    assert wait > settings().upkeep.drain + settings().upkeep.stop


@pytest.mark.parametrize("file", [DEPLOY / "img402.service", ROOT / "Dockerfile"], ids=lambda file: file.name)
def test_every_setting_in_the_files_exists(file: Path):
    documents = (ROOT / "docs/hosting.md").read_text(encoding="utf-8")
    done = {*VARIABLES.findall(file.read_text(encoding="utf-8"))}
    assert {variable for variable in done if f"| `{variable}` |" not in documents} == set()


def test_the_container_file_copies_what_its_ignore_file_lets_through_and_runs_without_root():
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    copied = [word for line in re.findall(r"^COPY (?!--)(.+) \S+$", text, re.MULTILINE) for word in line.split()]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)
    assert "*" in ignored
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["4020:4020"]
    assert text.index("USER 4020") < text.index("ENTRYPOINT [")
