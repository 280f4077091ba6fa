#!/bin/sh
# The demonstration behind `make demo`: what a person would type, with PHOTOS as the folder.
set -eu

work=.demo
if [ -n "${PHOTOS:-}" ]; then
    photos="$PHOTOS"
    set --
else
    photos="$(sh demo/sample.sh)"
    # The package's folder of symbols holds drawings, not photographs.
    set -- --exclude symbols
fi

mkdir -p "$work"
export SEEALSO_CONFIG="$work/seealso.yaml"
if [ ! -f "$SEEALSO_CONFIG" ]; then
    printf 'collections:\n  photos: {path: ./photos.seealso}\n' >"$SEEALSO_CONFIG"
fi

echo "Indexing $photos"
seealso index "$photos" "$@"

# One photograph, chosen by chance but the same each time.
query="$(seealso random -n 1 --seed 9 --paths)"
echo
echo "The nearest neighbours of $query:"
seealso similar "$query" -k 9 --others --sheet "$work/sheet.png"

cat <<EOF

The contact sheet is $work/sheet.png. To go on:

  export PATH="\$PWD/.venv/bin:\$PATH" SEEALSO_CONFIG=$work/seealso.yaml
  seealso similar FILE --sheet out.png    # any image file as the query
  seealso random -n 30 --sheet some.png   # look around
  seealso status                          # what the collection holds, and what made it
  seealso --help                          # everything else
EOF
