#!/bin/sh
# backup.sh DATA BACKUP: a running host's rows, secret and images. Again into the same folder: only what is new.
# Rows first: the images of every row are there then, and those that came since are without a row and swept.
set -eu
umask 077
data=$1 backup=$2
mkdir -p "$backup/blobs/kept"
rm -f "$backup/index.new"
python3 -c 'import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute("VACUUM INTO ?", sys.argv[2:])' \
    "$data/index.sqlite" "$backup/index.new"
[ ! -e "$data/secret" ] || cp -p "$data/secret" "$backup/secret"
# A file that is swept in between makes cp complain; the second try is for all the others.
cp -Rpu "$data/blobs/kept/." "$backup/blobs/kept" || cp -Rpu "$data/blobs/kept/." "$backup/blobs/kept"
mv "$backup/index.new" "$backup/index.sqlite"
