import os
import subprocess
import sys
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from img402_mcp.errors import SettingsError
from img402_mcp.host.app import create_app
from img402_mcp.host.settings import HostSettings, host_settings
from img402_mcp.host.settings.io42 import Io42HostSettings
from img402_mcp.host.settings.studio import StudioHostSettings
from img402_mcp.wire.img402 import FreeTerms

URL = "http://127.0.0.1:8402"
SECRET = "the same on each of the machines"


def test_without_settings_the_terms_are_the_documented_ones(tmp_path: Path):
    given = host_settings({}, data=tmp_path, default_public_url=URL)
    assert replace(given, apis=()) == HostSettings(
        data=tmp_path,
        blobs=tmp_path / "blobs",
        database=make_url(f"sqlite:///{tmp_path}/index.sqlite"),
        public_url=URL,
        free=FreeTerms(max_bytes=1_048_576, days=7, uploads_a_day=10_000, uploads_a_day_per_address=1_000),
        trusted_proxies=(),
    )


def test_every_setting_can_be_given(tmp_path: Path):
    environ = {
        "IMG402_HOST_DATA": str(tmp_path),
        "IMG402_HOST_BLOBS": "file:///srv/my%20blobs",
        "IMG402_HOST_DATABASE": "postgresql+psycopg://me:secret@db/img402",
        "IMG402_HOST_PUBLIC_URL": "https://i.example/",
        "IMG402_HOST_FREE_MAX_BYTES": "5",
        "IMG402_HOST_FREE_DAYS": "0",
        "IMG402_HOST_FREE_DAILY": "0",
        "IMG402_HOST_FREE_DAILY_PER_ADDRESS": "3",
        "IMG402_HOST_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8",
        "IMG402_HOST_SECRET": "s" * 32,
        "IMG402_HOST_IO42_MAX_BYTES": "6",
        "IMG402_HOST_IO42_MIN_PIXELS": "7",
        "IMG402_HOST_IO42_MAX_PIXELS": "8",
        "IMG402_HOST_IO42_URL_MINUTES": "9",
        "IMG402_HOST_IO42_HOURLY": "10",
        "IMG402_HOST_IO42_HOURLY_ALL": "0",
        "IMG402_HOST_STUDIO_MAX_BYTES": "11",
        "IMG402_HOST_STUDIO_PREVIEW_MINUTES": "12",
        "IMG402_HOST_STUDIO_HOURLY": "0",
        "IMG402_HOST_STUDIO_HOURLY_ALL": "13",
    }
    given = host_settings(environ)
    assert replace(given, apis=()) == HostSettings(
        data=tmp_path,
        blobs=Path("/srv/my blobs"),
        database=make_url("postgresql+psycopg://me:secret@db/img402"),
        public_url="https://i.example",
        free=FreeTerms(max_bytes=5, days=None, uploads_a_day=None, uploads_a_day_per_address=3),
        trusted_proxies=(ip_network("127.0.0.1"), ip_network("10.0.0.0/8")),
        secret="s" * 32,
    )
    assert given.of(Io42HostSettings) == Io42HostSettings(6, (7, 8), url_minutes=9, hourly=10, hourly_all=None)
    assert given.of(StudioHostSettings) == StudioHostSettings(11, preview_minutes=12, hourly=None, hourly_all=13)


def test_the_terms_of_io42_and_the_studio_are_the_documented_ones(tmp_path: Path):
    settings = host_settings({}, data=tmp_path, public_url=URL)
    assert settings.of(Io42HostSettings) == Io42HostSettings(
        max_bytes=20 * 1_048_576, pixels=(100, 2048), url_minutes=30, hourly=100, hourly_all=10_000
    )
    assert settings.of(StudioHostSettings) == StudioHostSettings(
        max_bytes=25 * 1_048_576, preview_minutes=15, hourly=100, hourly_all=10_000
    )


def test_a_pixel_minimum_above_its_maximum_is_refused(tmp_path: Path):
    with pytest.raises(SettingsError) as refused:
        host_settings({"IMG402_HOST_IO42_MIN_PIXELS": "3000"}, data=tmp_path, public_url=URL)
    assert str(refused.value) == "IMG402_HOST_IO42_MIN_PIXELS is 3000 and IMG402_HOST_IO42_MAX_PIXELS 2048; swap them."


def test_a_flag_wins_over_its_variable_and_the_variable_over_the_default(tmp_path: Path):
    environ = {"IMG402_HOST_PUBLIC_URL": "https://variable.example", "IMG402_HOST_DATA": "/variable"}
    assert host_settings(environ, public_url="https://flag.example").public_url == "https://flag.example"
    assert host_settings(environ, default_public_url=URL).public_url == "https://variable.example"
    assert host_settings(environ, data=tmp_path).data == tmp_path


def test_no_repr_shows_the_password_of_the_database():
    environ = {"IMG402_HOST_DATABASE": "postgresql+psycopg://me:hunter2@db/x", "IMG402_HOST_SECRET": SECRET}
    settings = host_settings(environ, public_url=URL)
    assert ("hunter2" in repr(settings), SECRET in repr(settings)) == (False, False)


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_postgresql_is_reached_by_the_driver_of_the_extra(scheme: str):
    environ = {"IMG402_HOST_DATABASE": f"{scheme}://me@db/x", "IMG402_HOST_SECRET": SECRET}
    assert host_settings(environ, public_url=URL).database == make_url("postgresql+psycopg://me@db/x")


def test_where_hosts_may_share_a_database_their_secret_must_be_given():
    with pytest.raises(SettingsError) as refused:
        host_settings({"IMG402_HOST_DATABASE": "postgresql://me@db/x"}, public_url=URL)
    assert str(refused.value) == (
        "IMG402_HOST_DATABASE is PostgreSQL, which several hosts may share, and tokens and signed URLs of one must "
        "work on all: set IMG402_HOST_SECRET to the same text on each, such as the output of `openssl rand -hex 32`."
    )


@pytest.mark.parametrize("url", ["s3://bucket/a/prefix", "gs://bucket", "az://container/prefix"])
def test_with_an_object_store_the_folder_holds_only_arriving_bodies(tmp_path: Path, url: str):
    settings = host_settings({"IMG402_HOST_BLOBS": url}, data=tmp_path, public_url=URL)
    assert (settings.objects, settings.blobs) == (url, tmp_path / "blobs")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        pytest.param(
            "IMG402_HOST_FREE_DAYS",
            "a week",
            'IMG402_HOST_FREE_DAYS is "a week"; it must be a whole number, 0 to 36500; 0 means no limit.',
            id="days-in-words",
        ),
        pytest.param(
            "IMG402_HOST_FREE_DAYS",
            "36501",
            'IMG402_HOST_FREE_DAYS is "36501"; it must be a whole number, 0 to 36500; 0 means no limit.',
            id="too-many-days",
        ),
        pytest.param(
            "IMG402_HOST_FREE_MAX_BYTES",
            "0",
            'IMG402_HOST_FREE_MAX_BYTES is "0"; it must be a whole number, 1 to 1099511627776.',
            id="nothing-fits",
        ),
        pytest.param(
            "IMG402_HOST_FREE_MAX_BYTES",
            "1e6",
            'IMG402_HOST_FREE_MAX_BYTES is "1e6"; it must be a whole number, 1 to 1099511627776.',
            id="float",
        ),
        pytest.param(
            "IMG402_HOST_FREE_DAILY",
            "-1",
            'IMG402_HOST_FREE_DAILY is "-1"; it must be a whole number, 0 to 1099511627776; 0 means no limit.',
            id="negative",
        ),
        pytest.param(
            "IMG402_HOST_DELETE", "no", 'IMG402_HOST_DELETE is "no"; it must be on or off.', id="neither-on-nor-off"
        ),
        pytest.param(
            "IMG402_HOST_TRUSTED_PROXIES",
            "10.0.0.0/8, proxy.local",
            'IMG402_HOST_TRUSTED_PROXIES holds "proxy.local"; give addresses or networks with commas between them, '
            "such as 127.0.0.1, 10.0.0.0/8.",
            id="a-name-as-proxy",
        ),
        pytest.param(
            "IMG402_HOST_BLOBS",
            "s3://key:secret@bucket",
            'IMG402_HOST_BLOBS is "...@bucket"; give a folder, file:///folder, or s3://bucket/prefix '
            "(also gs:// and az://) with the keys in AWS_*, GOOGLE_* or AZURE_*.",
            id="object-store",
        ),
        pytest.param(
            "IMG402_HOST_BLOBS",
            "file://server/share",
            'IMG402_HOST_BLOBS is "file://server/share"; give a folder, file:///folder, or s3://bucket/prefix '
            "(also gs:// and az://) with the keys in AWS_*, GOOGLE_* or AZURE_*.",
            id="file-of-another-host",
        ),
        pytest.param(
            "IMG402_HOST_BLOBS",
            "s3://",
            'IMG402_HOST_BLOBS is "s3://"; give a folder, file:///folder, or s3://bucket/prefix '
            "(also gs:// and az://) with the keys in AWS_*, GOOGLE_* or AZURE_*.",
            id="object-store-without-a-bucket",
        ),
        pytest.param(
            "IMG402_HOST_BLOBS",
            "s3://bucket/x?region=a",
            'IMG402_HOST_BLOBS is "s3://bucket/x?region=a"; give a folder, file:///folder, or s3://bucket/prefix '
            "(also gs:// and az://) with the keys in AWS_*, GOOGLE_* or AZURE_*.",
            id="object-store-with-a-query",
        ),
        pytest.param(
            "IMG402_HOST_BLOBS",
            "ftp://host/x",
            'IMG402_HOST_BLOBS is "ftp://host/x"; give a folder, file:///folder, or s3://bucket/prefix '
            "(also gs:// and az://) with the keys in AWS_*, GOOGLE_* or AZURE_*.",
            id="another-scheme",
        ),
        pytest.param(
            "IMG402_HOST_DATABASE",
            "mysql://me:secret@db/x",
            "IMG402_HOST_DATABASE (mysql) cannot be used; give sqlite:////folder/index.sqlite or "
            "postgresql://user:password@server/name.",
            id="another-database",
        ),
        pytest.param(
            "IMG402_HOST_DATABASE",
            "sqlite://",
            "IMG402_HOST_DATABASE (sqlite) cannot be used; give sqlite:////folder/index.sqlite or "
            "postgresql://user:password@server/name.",
            id="database-in-memory",
        ),
        pytest.param(
            "IMG402_HOST_DATABASE",
            "secret nonsense",
            "IMG402_HOST_DATABASE (unreadable) cannot be used; give sqlite:////folder/index.sqlite or "
            "postgresql://user:password@server/name.",
            id="no-database-url",
        ),
    ],
)
def test_an_unusable_setting_is_explained(name: str, value: str, sentence: str):
    with pytest.raises(SettingsError) as refused:
        host_settings({name: value}, public_url=URL)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("i.example", "i.example", id="no-scheme"),
        pytest.param("ftp://i.example", "ftp://i.example", id="another-scheme"),
        pytest.param("https://i.example/?a=b", "https://i.example/?a=b", id="query"),
        pytest.param("https://me:secret@i.example", "...@i.example", id="password"),
        pytest.param("http://h:99999", "http://h:99999", id="port-too-high"),
        pytest.param("http://h/$(id)", "http://h/$(id)", id="shell"),
        pytest.param("http://h/\n", "http://h/\\n", id="newline"),
        pytest.param("", "", id="none-at-all"),
    ],
)
def test_an_unusable_public_url_is_explained(value: str, shown: str):
    with pytest.raises(SettingsError) as refused:
        host_settings({"IMG402_HOST_PUBLIC_URL": value})
    assert str(refused.value) == (
        f'The public URL is "{shown}"; give http(s)://name[:port] as clients reach this host, with --public-url or '
        "IMG402_HOST_PUBLIC_URL."
    )


def test_the_data_folder_is_readable_only_by_its_owner(tmp_path: Path):
    data = tmp_path / "data"
    create_app(host_settings({}, data=data, public_url=URL))
    assert [folder.stat().st_mode & 0o777 for folder in (data, data / "blobs", data / "blobs" / "kept")] == [0o700] * 3


def test_a_data_folder_that_cannot_be_made_is_explained(tmp_path: Path):
    (tmp_path / "data").write_text("a file is in the way")
    with pytest.raises(SettingsError) as refused:
        create_app(host_settings({}, data=tmp_path / "data", public_url=URL))
    assert str(refused.value).startswith(f"The host cannot open its data (blobs in {tmp_path}/data/blobs, rows in")
    assert str(refused.value).endswith("Check --data, IMG402_HOST_BLOBS and IMG402_HOST_DATABASE.")


def test_a_database_without_its_driver_is_explained(tmp_path: Path):
    environ = {"IMG402_HOST_DATABASE": "postgresql+pg8000://me@db/x", "IMG402_HOST_SECRET": SECRET}
    with pytest.raises(SettingsError) as refused:
        create_app(host_settings(environ, data=tmp_path, public_url=URL))
    assert str(refused.value) == (
        "IMG402_HOST_DATABASE asks for postgresql+pg8000, whose driver is not installed: run `pip install pg8000`, "
        "or name another, such as postgresql+psycopg."
    )


def test_a_data_folder_may_have_any_name(tmp_path):
    folder = tmp_path / "a?b=1 %20"
    create_app(host_settings({}, data=folder, public_url="http://h.example"))
    assert (folder / "index.sqlite").exists()


WITHOUT_PSYCOPG = """
import os, sys
sys.modules["psycopg"] = None
from img402_mcp.errors import SettingsError
from img402_mcp.host.app import create_app
from img402_mcp.host.settings import host_settings
try:
    create_app(host_settings(os.environ, data=sys.argv[1], public_url="http://h"))
except SettingsError as error:
    print(error)
"""


def test_a_missing_driver_of_postgresql_is_named_with_its_extra(tmp_path: Path):
    environ = os.environ | {"IMG402_HOST_DATABASE": "postgresql://me@db/x", "IMG402_HOST_SECRET": SECRET}
    command = [sys.executable, "-c", WITHOUT_PSYCOPG, str(tmp_path)]
    output = subprocess.run(command, env=environ, capture_output=True, text=True, check=True).stdout
    assert output == (
        "IMG402_HOST_DATABASE asks for postgresql+psycopg, whose driver is not installed: "
        "run `pip install 'img402-mcp[postgres]'`, or name another, such as postgresql+psycopg.\n"
    )
