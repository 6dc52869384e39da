"""Files that only the user can read: by their mode, or on Windows, by an access control list."""

import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from img402_mcp.atomic_write import new_file
from img402_mcp.errors import quoted

MAX_PATH_LENGTH = 4096

if sys.platform == "win32":
    import msvcrt

    import ntsecuritycon
    import pywintypes
    import win32con
    import win32file
    import win32process
    import win32security

    _TRUSTED = frozenset({"S-1-3-0", "S-1-3-4", "S-1-5-18", "S-1-5-32-544"})
    """The file's creator and owner, the system and the administrators, who can take any file anyway."""
    _READS_OR_WRITES = (
        ntsecuritycon.FILE_READ_DATA
        | ntsecuritycon.FILE_WRITE_DATA
        | ntsecuritycon.GENERIC_READ
        | ntsecuritycon.GENERIC_WRITE
        | ntsecuritycon.GENERIC_ALL
    )

    def new_private_file(path: Path) -> int:
        """A descriptor for writing. Raises OSError, and FileExistsError if the file exists."""
        attributes = win32security.SECURITY_ATTRIBUTES()
        alone = f"D:P(A;;FA;;;{_user()})"  # nothing is inherited, and this user has all rights
        attributes.SECURITY_DESCRIPTOR = win32security.ConvertStringSecurityDescriptorToSecurityDescriptor(
            alone, win32security.SDDL_REVISION_1
        )
        how = (win32con.GENERIC_WRITE, 0, attributes, win32con.CREATE_NEW, win32con.FILE_ATTRIBUTE_NORMAL, None)
        try:
            handle = win32file.CreateFile(str(path), *how)
        except pywintypes.error as error:
            raise OSError(0, error.strerror, str(path), error.winerror) from None
        return msvcrt.open_osfhandle(handle.Detach(), os.O_WRONLY | os.O_BINARY)

    def new_file_like(path: Path) -> Callable[[Path], int]:
        """What creates files that the same users can read and write. Raises OSError."""

        def create(draft: Path) -> int:
            descriptor = new_private_file(draft)
            try:
                win32security.SetFileSecurity(str(draft), win32security.DACL_SECURITY_INFORMATION, rights)
            except pywintypes.error as error:
                os.close(descriptor)
                raise OSError(0, error.strerror, str(draft), error.winerror) from None
            return descriptor

        try:
            rights = win32security.GetFileSecurity(str(path), win32security.DACL_SECURITY_INFORMATION)
        except pywintypes.error as error:
            raise OSError(0, error.strerror, str(path), error.winerror) from None
        return create

    def is_open_to_others(path: Path) -> bool:
        """Raises OSError."""
        try:
            descriptor = win32security.GetFileSecurity(str(path), win32security.DACL_SECURITY_INFORMATION)
        except pywintypes.error as error:
            raise OSError(0, error.strerror, str(path), error.winerror) from None
        entries = descriptor.GetSecurityDescriptorDacl()
        if entries is None:
            return True
        trusted = _TRUSTED | {_user()}
        rows = (entries.GetAce(at) for at in range(entries.GetAceCount()))
        return any(
            kind == ntsecuritycon.ACCESS_ALLOWED_ACE_TYPE
            and rights & _READS_OR_WRITES
            and win32security.ConvertSidToStringSid(whose) not in trusted
            for (kind, _), rights, whose in rows
        )

    def way_to_close(path: Path) -> str:
        """The command that leaves the file to this user alone, the same for cmd and PowerShell."""
        return f'icacls {quoted(str(path), MAX_PATH_LENGTH)} /inheritance:r /grant:r "*{_user()}:F"'

    def _user() -> str:
        """The security identifier of the user who runs this process."""
        token = win32security.OpenProcessToken(win32process.GetCurrentProcess(), win32security.TOKEN_QUERY)
        who, _ = win32security.GetTokenInformation(token, win32security.TokenUser)
        return str(win32security.ConvertSidToStringSid(who))

else:
    new_private_file = new_file

    _ACCESS_LIST = "system.posix_acl_access"

    def new_file_like(path: Path) -> Callable[[Path], int]:
        """What creates files with the owner, the mode and the access control list of this one. Raises OSError."""
        status, rights = path.stat(), _access_list(path)

        def create(draft: Path) -> int:
            descriptor = new_file(draft)
            try:
                made = os.fstat(descriptor)
                if (made.st_uid, made.st_gid) != (status.st_uid, status.st_gid):
                    _give(descriptor, status.st_uid, status.st_gid)
                os.fchmod(descriptor, stat.S_IMODE(status.st_mode))
                _set_access_list(descriptor, rights)
            except OSError:
                os.close(descriptor)
                raise
            return descriptor

        return create

    def _give(descriptor: int, user: int, group: int) -> None:
        try:
            os.fchown(descriptor, user, group)
        except PermissionError as error:
            reason = "the file belongs to another user or group, and a new one of yours would not"
            raise PermissionError(error.errno, reason) from None

    def _access_list(path: Path | int) -> bytes | None:
        """None if there is only the mode. Elsewhere than on Linux, Python cannot read it."""
        if sys.platform == "linux":
            with suppress(OSError):
                return os.getxattr(path, _ACCESS_LIST)
        return None

    def _set_access_list(descriptor: int, rights: bytes | None) -> None:
        """The folder's default list goes, too: with the file's mode it would let in whom the file did not."""
        if sys.platform != "linux":
            return
        if rights is not None:
            os.setxattr(descriptor, _ACCESS_LIST, rights)
        elif _access_list(descriptor) is not None:
            os.removexattr(descriptor, _ACCESS_LIST)

    def is_open_to_others(path: Path) -> bool:
        """Raises OSError."""
        return bool(path.stat().st_mode & 0o077)

    def way_to_close(path: Path) -> str:
        """The command that leaves the file to this user alone."""
        return f"chmod 600 {quoted(str(path), MAX_PATH_LENGTH)}"
