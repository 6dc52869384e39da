"""curl as in the hosted API's documentation, with our host's address in place of its own."""

import base64
import json
import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

Upload = Callable[[Path, str], bytes]


def curl(folder: Path, *words: str) -> bytes:
    return subprocess.run(["curl", "--no-progress-meter", *words], cwd=folder, capture_output=True, check=True).stdout


def as_multipart(folder: Path, host: str) -> bytes:
    return curl(folder, "-F", "image=@screenshot.png", f"{host}/api/free")


def as_multipart_post(folder: Path, host: str) -> bytes:
    return curl(folder, "-X", "POST", f"{host}/api/free", "-F", "image=@screenshot.png")


def as_json(folder: Path, host: str) -> bytes:
    encoded = base64.b64encode((folder / "screenshot.png").read_bytes()).decode()
    body = f'{{"file": "{encoded}"}}'
    return curl(folder, "-X", "POST", f"{host}/api/free", "-H", "Content-Type: application/json", "-d", body)


@pytest.mark.parametrize("upload", [as_multipart, as_multipart_post, as_json])
def test_a_free_upload_prints_the_documented_answer_and_its_url_serves_the_image(
    upload: Upload, host: str, screenshot: Path
) -> None:
    asked = datetime.now(UTC)

    answer = json.loads(upload(screenshot.parent, host))

    assert answer == {
        "url": f"{host}/{answer['id']}.png",
        "id": answer["id"],
        "contentType": "image/png",
        "sizeBytes": screenshot.stat().st_size,
        "expiresAt": answer["expiresAt"],
        "deleteUrl": answer["deleteUrl"],
    }
    assert answer["deleteUrl"].startswith(f"{host}/delete/{answer['id']}.png?key=")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", answer["expiresAt"])
    kept = datetime.fromisoformat(answer["expiresAt"]) - asked
    assert timedelta(days=7) - timedelta(minutes=1) < kept < timedelta(days=7, minutes=1)
    assert curl(screenshot.parent, answer["url"]) == screenshot.read_bytes()


def test_a_file_in_a_wrong_field_is_answered_with_the_right_name(host: str, screenshot: Path) -> None:
    answer = json.loads(curl(screenshot.parent, "-F", "file=@screenshot.png", f"{host}/api/free"))

    assert answer["error"] == "no_file"
    assert f"curl -F image=@screenshot.png {host}/api/free" in answer["message"]
