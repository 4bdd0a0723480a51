#!/bin/sh
# Keeps a list of subscribers, one address a line.
set -eu
case $EMAIL in
  '' | *[[:space:]]*) echo "not an address: $EMAIL" >&2; exit 1 ;;
esac
touch "$LIST"
grep -vxF -e "$EMAIL" "$LIST" >"$LIST.new" || true # nobody left is no mistake
if [ "$EVENT" = subscribe ]; then
  printf '%s\n' "$EMAIL" >>"$LIST.new"
fi
mv "$LIST.new" "$LIST"
echo "$EVENT: $EMAIL"
