#!/usr/bin/env bash
# Stands in for Podman at a reader's prompt: Buildah (`buildah` in the PATH, with the tests' storage) builds, lists and runs.
# What is compiled in an image is taken from the folder PARTS, unless the reader says from where.
set -euo pipefail
command=$1
shift
case $command in
build)
    from=(--build-context "built=$PARTS")
    [[ " $* " != *" --build-context "* ]] || from=()
    buildah bud --isolation chroot --pull-never "${from[@]}" "$@"
    ;;
images) buildah images ;;
run)
    # Buildah has no use for what the reader says of rights; run.sh, which another test uses, has.
    while [[ $1 == -* ]]; do shift; done
    image=$1
    shift
    container=$(buildah from --pull-never "localhost/$image")
    trap 'buildah rm "$container" >/dev/null' EXIT
    buildah run --isolation chroot --network host "$container" -- "/usr/bin/$image" "$@"
    ;;
*)
    echo "podman $command: not known here" >&2
    exit 64
    ;;
esac
