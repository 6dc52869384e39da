import shutil

import pytest

from tests.fakes.api import Api
from tests.fakes.serving import on_a_socket
from tests.fakes.tmux import terminals


@pytest.fixture
def terminal(tmp_path):
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    with terminals(tmp_path) as open_terminal:
        yield open_terminal


@pytest.fixture
def api(monkeypatch, tmp_path):
    """A stand-in API that the commands ask, in a folder of their own with nothing else set."""
    api = Api()
    with on_a_socket(api.answer) as api.url:
        monkeypatch.setenv("IMG402_API_URL", api.url)
        monkeypatch.setenv("IMG402_STATE_DIR", str(tmp_path / "state"))
        monkeypatch.setenv("IMG402_VERIFY", "off")
        monkeypatch.delenv("IMG402_ALLOW_DIRS", raising=False)
        monkeypatch.chdir(tmp_path)
        yield api
