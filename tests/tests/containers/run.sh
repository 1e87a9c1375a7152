#!/usr/bin/env bash
# Runs one program of an image as an engine would that has only the kernel to do it with: the image's files read-only as
# its root, nothing writable but what is mounted so, processes of its own, a user that has no rights and can't get any.
#
#   unshare --mount --pid --fork --kill-child run.sh ROOT USER:GROUP [OUTSIDE:INSIDE:ro|rw]... -- PROGRAM [ARGUMENT]...
#
# ROOT is a working container's root, as `buildah mount` says it. The environment is handed on as it is.
set -euo pipefail
root=$1 user=$2
shift 2

mounted() { # OUTSIDE INSIDE ro|rw
    local inside=$root$2
    if [ -d "$1" ]; then mkdir -p "$inside"; else mkdir -p "$(dirname "$inside")" && touch "$inside"; fi
    mount --bind "$1" "$inside"
    [ "$3" = rw ] || mount -o remount,bind,ro,nosuid,nodev "$inside"
}

mount --make-rprivate /
mount --bind "$root" "$root"
for file in /etc/hosts /etc/resolv.conf; do mounted "$file" "$file" ro; done
mkdir -p "$root/proc" "$root/dev"
mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -t tmpfs -o nosuid,noexec,size=64k,mode=755 tmpfs "$root/dev"
for device in null zero urandom; do
    touch "$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
while [ "$1" != -- ]; do
    IFS=: read -r outside inside how <<<"$1"
    mounted "$outside" "$inside" "$how"
    shift
done
shift
mount -o remount,bind,ro,nosuid,nodev "$root"

exec setpriv --no-new-privs --inh-caps=-all chroot --userspec="$user" --groups= "$root" "$@"
