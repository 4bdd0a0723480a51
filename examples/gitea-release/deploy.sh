#!/bin/sh
# Checks a tag out and restarts the website.
set -eu
case $TAG in
  '' | -* | *[!0-9A-Za-z._-]*) echo "not a tag of ours: $TAG" >&2; exit 1 ;;
esac
git -C "$WEBSITE" fetch --quiet --tags origin
git -C "$WEBSITE" checkout --quiet --detach "refs/tags/$TAG"
echo "website is at $TAG: $(git -C "$WEBSITE" log -1 --format=%s)"

# A real one goes on: make build && sudo systemctl restart website
