"""The user's own list of folders: only a person at a terminal can add to it, since it limits what agents send."""

import os
from types import SimpleNamespace as Flags

from img402_mcp.cli import person
from img402_mcp.client.files.allow_list import listed, local_path, write_list
from img402_mcp.client.files.roots import existing_folder
from img402_mcp.client.settings.folders import VARIABLE, allow_list_file, why_not_allowed
from img402_mcp.errors import SettingsError, quoted


def run(flags: Flags) -> int:
    if sum(map(bool, (flags.folder, flags.list, flags.remove))) != 1:
        raise SettingsError("Give a folder, --list, or --remove with a folder.")
    if flags.list:
        for folder in listed(allow_list_file()):
            print(folder if folder.is_dir() else f"{folder} (does not exist now)")
        return 0
    return _remove(flags.remove) if flags.remove else _add(flags.folder)


def _add(name: str) -> int:
    """The one argument that may name a new share: only a person gets as far as looking for the folder."""
    if not person.is_there():  # an agent with a shell must not allow a folder for itself
        raise SettingsError("A folder is allowed only by a person at a terminal: run this command yourself.")
    folder = existing_folder(name, "`img402-mcp allow`")
    if reason := why_not_allowed(folder):
        raise SettingsError(
            f"{quoted(str(folder))} {reason}, so it is not allowed as a whole. Name a folder inside it."
        )
    file = allow_list_file()
    known = listed(file)
    if folder in known:
        print(f"{folder} is allowed already.")
        return 0
    warning = f"Agents will be able to upload every image below {folder} to a public URL."
    if person.asked(f"{warning}\nType yes to allow it: ").lower() != "yes":
        raise SettingsError("Nothing was changed.")
    write_list(file, (*known, folder))
    print(f"Allowed: {folder}. Running servers see it at their next call, unless {VARIABLE} is set for them.")
    return 0


def _remove(name: str) -> int:
    """Also removes a folder that is gone. Less is allowed afterwards, so nobody is asked."""
    file = allow_list_file()
    gone = local_path(name, "--remove", os.environ).absolute()
    known = listed(file)
    left = [folder for folder in known if folder not in (gone, gone.resolve())]
    if left == known:
        raise SettingsError(f"{quoted(str(gone))} is not on the list; `img402-mcp allow --list` prints it.")
    write_list(file, left)
    print(f"No longer allowed: {gone}")
    return 0
