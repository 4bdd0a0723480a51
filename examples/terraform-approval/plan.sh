#!/bin/sh
# Plans what was merged. The plan is kept, so that what is applied is what was read;
# Terraform itself refuses one that something else has overtaken.
set -eu
umask 077 # a plan holds secrets
git fetch --quiet origin
git checkout --quiet --detach "$COMMIT"
find . -name '*.tfplan' -mtime +7 -delete
terraform init -input=false -no-color
terraform plan -input=false -no-color -out="$COMMIT.tfplan"
