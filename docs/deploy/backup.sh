#!/bin/sh
# backup.sh DATA BACKUP: a running host's rows, secret and images. Again into the same folder: only what is new, or
# is not whole there. Ends with 1, and leaves the last rows in place, where an image is not in the backup as it should.
# Rows first: the images of every row are there then, and those that came since are without a row and swept.
set -eu
umask 077
data=$1 backup=$2
mkdir -p "$backup/blobs/kept"
rm -f "$backup/index.new"
python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("VACUUM INTO ?", sys.argv[2:])' \
    "$data/index.sqlite" "$backup/index.new"
[ ! -e "$data/secret" ] || cp -p "$data/secret" "$backup/secret"
python3 - "$data/blobs/kept" "$backup/blobs/kept" "$backup/index.new" <<'END'
import os, pathlib, shutil, sqlite3, sys

source, target, rows = map(pathlib.Path, sys.argv[1:])
part = target.with_name("copying.part")


def size(file):
    try:
        return file.stat().st_size
    except FileNotFoundError:  # deleted or swept meanwhile
        return None


def copy(name):
    """Under another name until it is whole."""
    shutil.copy2(source / name, part)
    part.replace(target / name)


for name in os.listdir(source):  # those that come meanwhile are for the next time
    there = size(source / name)
    if there is not None and there != size(target / name):
        try:
            copy(name)
        except FileNotFoundError:
            part.unlink(missing_ok=True)

os.sync()
images = "SELECT id || '.' || extension, size_bytes FROM %s"
asked = " UNION ALL ".join(images % table for table in ("images", "private_images"))
wrong = [
    name
    for name, wanted in sqlite3.connect(rows).execute(asked)
    if size(target / name) != wanted and size(source / name) is not None
]
if wrong:
    print(f"backup.sh: {len(wrong)} images are not in the backup as their rows say, {wrong[0]} first.", file=sys.stderr)
    print("Run it again; if it says so again, `img402-mcp host admin images verify` tells more.", file=sys.stderr)
    sys.exit(1)
END
mv "$backup/index.new" "$backup/index.sqlite"
