"""The tables of the APIs: each row names a whole API, and each API has a row."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import click
import pytest

import img402_mcp.host.apis
from img402_mcp.cli import host_admin
from img402_mcp.host.admin.images import ImagesAdmin
from img402_mcp.host.apis import APIS, apis
from img402_mcp.host.apis.api import Api
from img402_mcp.host.apis.io42.accounts import Io42Accounts
from img402_mcp.host.apis.studio.accounts import StudioAccounts
from img402_mcp.host.settings import HostSettings
from img402_mcp.host.settings.io42 import Io42HostSettings
from img402_mcp.host.settings.names import APIS as SETTINGS
from img402_mcp.host.settings.variables import ApiHostSettings


class Watched(Mapping[str, str]):
    """An empty environment that records which names are read."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def test_the_tables_name_the_same_apis():
    assert tuple(each.name for each in SETTINGS) == APIS


def test_every_api_of_the_table_can_be_served_described_and_administered():
    assert [type(each) for each in apis()] == [Api] * len(APIS)
    assert host_admin.things().keys() >= {"images", "agents", "projects", "submissions", "tokens"}


ADMINS: dict[str, type] = {"images": ImagesAdmin, "io42": Io42Accounts, "studio": StudioAccounts}
ACTIONS = [
    pytest.param(made, *action, id=f"{thing}-{verb}")
    for name, made in ADMINS.items()
    for thing, actions in import_module(f"img402_mcp.cli.admin.{name}").THINGS.items()
    for verb, action in actions.items()
]


@pytest.mark.parametrize(("made", "method", "parameters"), ACTIONS)
def test_every_action_names_a_method_and_gives_it_what_it_takes(
    made: type, method: str, parameters: list[click.Parameter]
):
    given = {str(each.name): None for each in parameters}
    bound = inspect.signature(getattr(made, method)).bind(made, **given)
    assert bound.args[0] is made


def test_every_folder_of_an_api_is_in_the_table():
    folders = {each.parent.name for each in Path(*img402_mcp.host.apis.__path__).glob("*/__init__.py")}
    assert folders - {"img402"} == {*APIS}


@pytest.mark.parametrize("api", SETTINGS, ids=lambda api: api.name)
def test_an_api_s_settings_name_every_variable_that_they_read(api: type[ApiHostSettings]):
    environ = Watched()
    read = api.read(environ)
    assert environ.asked == {*api.variables()}
    assert read == api()


def test_an_api_without_settings_has_the_documented_defaults(settings: Callable[..., HostSettings]):
    none = replace(settings(), apis=())
    given = settings(IMG402_HOST_IO42_URL_MINUTES="1")
    assert [told.of(Io42HostSettings).url_minutes for told in (none, given)] == [30, 1]
