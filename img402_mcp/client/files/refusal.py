"""Why a file is not read. `refusal` in `paths` makes the sentence."""

import errno


class FileRefused(Exception):
    """`clause` continues a sentence that begins with the path; `hint` is a separate sentence."""

    def __init__(self, clause: str, hint: str = "", *, outside: bool = False, missing: bool = False) -> None:
        super().__init__(clause)
        self.clause, self.hint = clause, hint
        self.outside = outside
        """It does not lead into an allowed folder: the same for existing and missing files."""
        self.missing = missing
        """It is inside an allowed folder, but does not exist."""


def outside() -> FileRefused:
    return FileRefused("is not inside an allowed folder", outside=True)


A_FOLDER = "is a folder; give the path of one file"
LINKED = "goes through a link that loops, or that appeared while it was being read"
ON_MACOS = "on macOS allow its app under Privacy & Security, Files and Folders"
REASONS = {
    errno.ENOTDIR: "goes through something that is not a folder, or that became a link while it was being read",
    errno.ELOOP: LINKED,
    errno.EMLINK: LINKED,  # FreeBSD's name for ELOOP
    errno.ENAMETOOLONG: "holds a name that is too long for the file system",
    errno.EACCES: "may not be read by the user img402-mcp runs as",
    errno.EPERM: f"may not be read by img402-mcp; {ON_MACOS}",
}
"""By the system's error. macOS answers EPERM for files under its privacy protection."""
