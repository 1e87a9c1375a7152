#!/bin/sh
# A software bill of materials for each program, in CycloneDX 1.5 as cargo-cyclonedx makes it: the crates that a program is
# made of on this platform, with their licences, checksums and dependencies.
#
#   sbom.sh install   installs cargo-cyclonedx into .tools if the machine has none
#   sbom.sh INTO      the same, and writes INTO/NAME.cdx.json for each program
set -eu
version=0.5.9
root=$(cd "$(dirname "$0")/.." && pwd)
PATH="$PATH:$root/.tools/bin"

command -v cargo-cyclonedx >/dev/null ||
    cargo install --locked --quiet --version "$version" --root "$root/.tools" cargo-cyclonedx
[ "$1" != install ] || exit 0

mkdir -p "$1"
into=$(cd "$1" && pwd)
cd "$root"

# The tool writes each bill beside the manifest of its crate: not among our sources.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
sh infra/image/manifests.sh "$work"
cd "$work"
cargo cyclonedx --quiet --format json --spec-version 1.5 --describe binaries

find . -name '*_bin.cdx.json' | while read -r file; do
    mv "$file" "$into/$(basename "$file" _bin.cdx.json).cdx.json"
done
