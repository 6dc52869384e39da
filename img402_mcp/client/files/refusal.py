"""Why a file is not read. `refusal` in `paths` makes the sentence."""

import errno


class FileRefused(Exception):
    """`clause` goes on from the path; `hint` is a sentence of its own."""

    def __init__(self, clause: str, hint: str = "") -> None:
        super().__init__(clause)
        self.clause = clause
        self.hint = hint


LINKED = "goes through a link that leads in a circle, or that was put there while it was read"


REASONS = {
    errno.ENOTDIR: "goes through something that is not a folder, or that was swapped for a link while it was read",
    errno.ELOOP: LINKED,
    errno.EMLINK: LINKED,  # FreeBSD says so where others say ELOOP
    errno.ENAMETOOLONG: "holds a name that is too long for the file system",
    errno.EACCES: "may not be read by the user whom this server runs as",
    errno.EPERM: "may not be read by this server; on macOS allow its app under Privacy & Security, Files and Folders",
}
