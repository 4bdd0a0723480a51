#!/bin/sh
# Tells the shop that an order is not paid. A shop that is down, or answers with an
# error, makes the run fail, and it is tried again.
set -eu
curl --fail --silent --show-error --max-time 20 \
  --data-urlencode "event=$EVENT" --data-urlencode "order=$ORDER" --data-urlencode "reason=$REASON" "$SHOP"
echo "the shop knows that order $ORDER is not paid"
