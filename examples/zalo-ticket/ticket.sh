#!/bin/sh
# Opens a ticket for a message.
set -eu
curl --fail --silent --show-error --max-time 20 \
  --data-urlencode "from=$FROM" --data-urlencode "message=$MESSAGE" --data-urlencode "text=$TEXT" "$DESK"
echo "message $MESSAGE of $FROM is with the desk"
