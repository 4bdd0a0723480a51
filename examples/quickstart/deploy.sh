#!/bin/sh
# Stands in for a deployment. What the push said comes in the environment.
set -eu
echo "deploying $REPOSITORY at $COMMIT"
echo "  $AUTHOR: $SUBJECT"
for step in fetch build restart; do
  sleep 0.3
  echo "  $step: done"
done
echo "deployed by run $HOOKTENDER_RUN"
