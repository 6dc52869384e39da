"""`img402-mcp doctor` as a whole: a line for each finding, and nothing secret is shown."""

import re
from subprocess import CompletedProcess

import anyio

from img402_mcp.doctor.finding import fail, ok
from img402_mcp.doctor.runner import run_checks
from tests.fakes import in_process
from tests.fakes.keys import KEY

NOWHERE = "http://127.0.0.1:9"  # no server listens on this port


async def test_a_check_that_hangs_or_breaks_hides_none_of_the_others(tmp_path):
    async def hangs(_):
        await anyio.sleep_forever()

    async def breaks(_):
        raise RuntimeError("a secret")

    async def works(_):
        return [ok("well")]

    checks = {"hangs": hangs, "breaks": breaks, "works": works}
    assert await run_checks({}, tmp_path, tmp_path, checks, within=0.5) == {
        "hangs": [
            fail(
                "It did not end within 0.5 s.",
                "Try again when this machine is less busy; then look at the disk and the network.",
            )
        ],
        "breaks": [fail("The check itself failed (RuntimeError).", "Please report it.")],
        "works": [ok("well")],
    }


def doctor(*flags: str, **environ: str) -> CompletedProcess[str]:
    return in_process.run("doctor", *flags, environ=environ)


def test_the_whole_is_one_line_for_each_finding_and_shows_no_secret(tmp_path):
    (tmp_path / "shots").mkdir()
    secrets = {
        "IMG402_WALLET_KEY": KEY,
        "IMG402_IO42_KEY": "io42-secret",
        "IMG402_STUDIO_TOKEN": "studio-secret",
        "IMG402_SERVE_TOKEN": "serve-secret-of-some-length",
        "IMG402_RPC_URL": f"{NOWHERE}/rpc-secret",
        "HTTPS_PROXY": "http://ann:proxy-secret@127.0.0.1:9",
        "IMG402_QQQQ": "unknown-secret",
    }
    plain = {
        "HOME": str(tmp_path),
        "IMG402_API_URL": NOWHERE,
        "IMG402_ALLOW_DIRS": str(tmp_path / "shots"),
        "IMG402_IO42_URL": NOWHERE,
        "IMG402_STATE_DIR": str(tmp_path / "state"),
        "IMG402_STUDIO_URL": NOWHERE,
    }
    done = doctor(**plain, **secrets)
    *findings, last = done.stdout.splitlines()
    lines = [line.split(maxsplit=2) for line in findings]
    levels = {name: level for level, name, _ in lines}
    assert (done.returncode, done.stderr) == (1, "")
    assert {name for name, level in levels.items() if level == "fail"} == {"api", "rpc", "io42", "studio"}
    assert (levels["server"], last) == ("ok", f"4 to fix, {[*levels.values()].count('warn')} to look at")
    assert not re.search(rf"{KEY[2:]}|secret", done.stdout)
    assert not (tmp_path / "state").exists()
