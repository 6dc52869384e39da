"""The settings of the client wing: the only place that reads its environment. Flags override the environment."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from img402_mcp.client.settings.apis import APIS
from img402_mcp.client.settings.folders import VARIABLE, default_folders, listed_folders, named_folders
from img402_mcp.client.settings.model import (
    Settings,
)
from img402_mcp.client.settings.names import CLIENT_VARIABLES
from img402_mcp.client.settings.payments import money
from img402_mcp.client.settings.variables import (
    HOSTED_API,
    file_path,
    switch,
    web_address,
)


def client_settings(
    environ: Mapping[str, str],
    *,
    api_url: str | None = None,
    allow_dirs: Sequence[str | Path] = (),
    state_dir: str | Path | None = None,
) -> Settings:
    """IMG402_API_URL, IMG402_ALLOW_DIRS (separated by os.pathsep), IMG402_STATE_DIR, IMG402_SCRUB, _HISTORY, _KEEP,
    _VERIFY, and the variables of the readers in this package. Raises SettingsError.
    """
    unknown = CLIENT_VARIABLES.check(environ)
    state = state_dir or environ.get("IMG402_STATE_DIR")
    url = web_address("IMG402_API_URL", api_url or environ.get("IMG402_API_URL") or HOSTED_API)
    named, listed = named_folders("--allow-dir", allow_dirs), listed_folders(environ)
    defaults = {} if named or listed else default_folders()
    return Settings(
        api_url=url,
        allow_dirs=named or listed or tuple(defaults),
        folders_named_by="--allow-dir" if named else VARIABLE if listed else "",
        default_reasons=defaults,
        named_state_dir=file_path(state, "IMG402_STATE_DIR") if state else None,
        scrub=switch(environ, "IMG402_SCRUB"),
        history=switch(environ, "IMG402_HISTORY"),
        keep=switch(environ, "IMG402_KEEP", "off"),
        verify=switch(environ, "IMG402_VERIFY"),
        money=money(environ, url),
        apis=tuple(found for api in APIS if (found := api.read(environ))),
        unknown_variables=unknown,
    )
