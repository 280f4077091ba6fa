#!/bin/sh
# Prints the folder of the sample photographs; fetches them first where they are not yet in the cache.
#
# They are the pictures of Debian's package tuxpaint-stamps-default (free licences, named in its copyright file), fetched
# by apt with lists and caches of its own, so that this needs no root and leaves the system's apt alone.
set -eu

package=tuxpaint-stamps-default
cache="${XDG_CACHE_HOME:-$HOME/.cache}/seealso/sample"
pictures="$cache/$package/usr/share/tuxpaint/stamps"

if [ ! -d "$pictures" ]; then
    if ! command -v apt-get >/dev/null || ! command -v dpkg >/dev/null; then
        echo "There is no apt on this machine to fetch the sample photographs with." >&2
        echo "Name a folder of your own: make demo PHOTOS=~/Pictures" >&2
        exit 1
    fi
    echo "Fetching sample photographs: Debian's package $package, 161 MB, once …" >&2
    mkdir -p "$cache/apt/lists/partial" "$cache/apt/archives/partial"
    set -- -qq -o "Dir::State::Lists=$cache/apt/lists" -o "Dir::Cache=$cache/apt" -o Debug::NoLocking=1 \
        -o "APT::Sandbox::User=$(id -un)"
    if ! (cd "$cache/apt" && apt-get "$@" update && apt-get "$@" download "$package") >&2; then
        echo "The sample photographs could not be fetched (see above)." >&2
        echo "Name a folder of your own: make demo PHOTOS=~/Pictures" >&2
        exit 1
    fi
    # Unpacked beside and renamed, so that an interrupted run leaves nothing that looks complete.
    rm -rf "$cache/$package.new"
    dpkg -x "$cache"/apt/"$package"_*.deb "$cache/$package.new"
    rm -rf "${cache:?}/$package" "$cache/apt"
    mv "$cache/$package.new" "$cache/$package"
fi
echo "$pictures"
