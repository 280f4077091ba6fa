#!/bin/sh
# The demonstration behind `make demo`: what a person would type, with PHOTOS as the folder, and WORDS to look for.
set -eu

refuse() {
    echo "$1; name another folder: make demo PHOTOS=~/Pictures" >&2
    exit 1
}

if [ -n "${PHOTOS:-}" ]; then
    # Not every shell expands the ~ of PHOTOS=~/Pictures.
    case "$PHOTOS" in "~/"*) PHOTOS="$HOME/${PHOTOS#"~/"}" ;; esac
    [ -d "$PHOTOS" ] || refuse "There is no folder $PHOTOS"
    photos="$(cd "$PHOTOS" && pwd -P)"
    # Every folder has a collection of its own: none answers with what an earlier demonstration has shown.
    work=".demo/$(printf '%s' "$photos" | cksum | cut -d ' ' -f 1)"
    set --
else
    photos="$(sh demo/sample.sh)"
    work=.demo/sample
    # The package's folder of symbols holds drawings, not photographs.
    set -- --exclude symbols
fi

mkdir -p "$work"
export SEEALSO_CONFIG="$work/seealso.yaml"
if [ ! -f "$SEEALSO_CONFIG" ]; then
    printf 'collections:\n  photos: {path: ./photos.seealso}\n' >"$SEEALSO_CONFIG"
fi

echo "Indexing $photos"
outcome="$(seealso index "$photos" "$@")"
case "$outcome" in "no image files were found"*) refuse "There are no images in $photos" ;; esac
echo "$outcome"

# One photograph, chosen by chance but the same each time.
query="$(seealso random -n 1 --seed 3 --paths)"
[ -n "$query" ] || refuse "There are no images that can be read in $photos"
echo
echo "The nearest neighbours of $query:"
seealso similar "$query" -k 9 --others --sheet "$work/sheet.png"

words="${WORDS:-bird}"
echo
echo "What looks most like the words \"$words\", whatever is written beside the images:"
seealso text "$words" --by looks --sheet "$work/words.png"

cat <<EOF

The contact sheets are $work/sheet.png and $work/words.png. To go on:

  export PATH="\$PWD/.venv/bin:\$PATH" SEEALSO_CONFIG=$work/seealso.yaml
  seealso similar FILE --sheet out.png    # any image file as the query
  seealso text elephant                   # images that are described by a word, or look like it
  seealso random -n 30 --sheet some.png   # look around
  seealso serve                           # the same in the browser, at http://localhost:8080
  seealso status                          # what the collection holds, and what made it
  seealso --help                          # everything else
EOF
