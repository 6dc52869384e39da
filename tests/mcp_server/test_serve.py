"""What the start leaves out: it looks for no plugins of pydantic, which costs time and runs other people's code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

METADATA = "Metadata-Version: 2.1\nName: a-plugin\nVersion: 1\n"


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    """A folder with an installed plugin of pydantic, which leaves a file where it is loaded."""
    (tmp_path / "a_plugin.py").write_text(
        "from pathlib import Path\n\nPath(__file__).with_name('loaded').touch()\n\n\n"
        "class Plugin:\n    def new_schema_validator(self, *_):\n        return None, None, None\n\n\n"
        "plugin = Plugin()\n"
    )
    info = tmp_path / "a_plugin-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(METADATA)
    (info / "entry_points.txt").write_text("[pydantic]\na_plugin = a_plugin:plugin\n")
    return tmp_path


@pytest.mark.parametrize(
    ("environ", "is_loaded"),
    [
        pytest.param({}, False, id="by-default"),
        pytest.param({"PYDANTIC_DISABLE_PLUGINS": "false"}, True, id="where-the-variable-is-set"),
    ],
)
def test_plugins_of_pydantic_are_loaded_only_where_its_variable_says_so(plugin: Path, environ, is_loaded):
    path = os.pathsep.join((str(plugin), *filter(None, sys.path)))
    subprocess.run(
        [sys.executable, "-m", "img402_mcp"],
        env={**os.environ, **environ, "PYTHONPATH": path},
        cwd=plugin,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=60,
        check=True,
    )
    assert (plugin / "loaded").exists() == is_loaded
