#!/bin/sh
# Runs a program as an engine with `--read-only` does: in_container.sh ROOT VOLUME IMAGES NAME=value... WORD...
# It is process 1 of its own namespace and user 4020, and nothing but the volume can be written.
set -eu
root=$1 volume=$2 images=$3
shift 3
mkdir -p "$root/images"
mount --bind "$root" "$root"
mount -o remount,bind,ro "$root"
mount --bind "$volume" "$root/data"
mount --bind "$images" "$root/images"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
exec chroot --userspec=4020:4020 "$root" /usr/bin/env -i -C /data "$@"
