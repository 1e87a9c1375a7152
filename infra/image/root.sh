#!/bin/sh
# What goes into the images: `root.sh PROGRAMS INTO`, where PROGRAMS is cargo's folder with our programs. Makes
#
#   INTO/bin/NAME   each program
#   INTO/base       what all images have: the shared libraries of these programs as this machine has them, who user
#                   65532 is, where names are looked up, and the certificate authorities that are trusted
#   INTO/data       an empty folder
set -eu
programs=$1 into=$2
here=$(dirname "$0")

names() {
    echo usher usher-producer usher-broker usher-sandbox
    sed -n 's/.*"name": "\([^"]*\)".*/usher-\1/p' "$here/../consumers.json"
}

# The paths that the loader would open, the loader's own included.
libraries_of() {
    ldd "$1" | sed -n 's/^[^/]*\(\/[^ ]*\) (0x[0-9a-f]*)$/\1/p'
}

mkdir -p "$into/bin" "$into/data" "$into/base/etc/ssl/certs" "$into/base/var/lib/dpkg/status.d"

for name in $(names); do
    cp "$programs/$name" "$into/bin/$name"
    for library in $(libraries_of "$programs/$name"); do
        [ -e "$into/base$library" ] || cp -L --parents "$library" "$into/base"
    done
done

cd "$into/base"
cp -L /etc/ssl/certs/ca-certificates.crt etc/ssl/certs/
echo 'usher:x:65532:65532::/:/nonexistent' >etc/passwd
echo 'usher:x:65532:' >etc/group
echo 'hosts: files dns' >etc/nsswitch.conf
# Where scanners look for the versions of what is not ours, as in Debian's distroless images.
for package in libc6 libgcc-s1 ca-certificates; do
    dpkg-query --status "$package" >"var/lib/dpkg/status.d/$package"
done
