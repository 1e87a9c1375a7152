#!/usr/bin/env bash
# Prints the path of the machine's Buildah. If the tests can't build or run images here, the last line on standard error
# says why. It is not unpacked below .sdk as others are: a program that it starts by itself looks for its libraries in the
# system's folders and nowhere else.
set -euo pipefail

fail() {
    echo "$*" >&2
    exit 1
}

[ "$(uname -s)" = Linux ] || fail "containers are a matter of Linux"
[ "$(id -u)" = 0 ] || fail "only root may mount and change root"
for program in chroot dpkg-query ip ldd mount nsenter setpriv unshare; do
    command -v "$program" >/dev/null || fail "$program is not installed"
done
unshare --mount --pid --net --fork true 2>/dev/null || fail "nobody may make namespaces here"
command -v buildah || fail "buildah is not installed (apt-get install --no-install-recommends buildah)"
