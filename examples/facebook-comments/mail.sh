#!/bin/sh
# Mails the comments. What others wrote is only in the body, never in a header.
set -eu
{
  printf 'To: %s\nSubject: Comments on the Page\nContent-Type: text/plain; charset=utf-8\n\n' "$MAIL_TO"
  printf '%s\n' "$COMMENTS"
} | sendmail -i -t
echo "mailed to $MAIL_TO"
