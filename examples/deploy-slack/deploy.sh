#!/bin/sh
# Checks the pushed commit out and builds the website. Slack shows the end of what
# this prints.
set -eu

# COMMIT comes from the payload: quoted everywhere, and looked at before use.
case $COMMIT in
  '' | *[!0-9a-f]*) echo "not a commit: $COMMIT" >&2; exit 1 ;;
esac
git -C "$WEBSITE" fetch --quiet origin
git -C "$WEBSITE" checkout --quiet --detach "$COMMIT"
make -C "$WEBSITE" build
echo "website is at $(git -C "$WEBSITE" log -1 --format='%h %s')"
