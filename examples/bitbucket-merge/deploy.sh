#!/bin/sh
# Checks a commit out and restarts the website.
set -eu
case $COMMIT in
  '' | *[!0-9a-f]*) echo "not a commit: $COMMIT" >&2; exit 1 ;;
esac
git -C "$WEBSITE" fetch --quiet origin
git -C "$WEBSITE" checkout --quiet --detach "$COMMIT"
echo "website is at $(git -C "$WEBSITE" log -1 --format='%h %s')"

# A real one goes on: make build && sudo systemctl restart website
