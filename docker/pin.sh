#!/bin/sh
# Moves the images of compose.yaml to what their tags are in the registry now: name:tag@sha256:... in docker/.env, which compose
# reads. Run it again to take newer ones. Nothing is written unless every digest was told.
set -eu
cd "$(dirname "$0")"
tag_of() { sed -n "s/.*\${$1:-\([^}@]*\)[@}].*/\1/p" compose.yaml | head -n 1; }
umask 077
trap 'rm -f .env.new' EXIT
[ ! -e .env ] || grep -v -e '^VALKEY_IMAGE=' -e '^PYTHON_IMAGE=' .env > .env.new || true
for name in VALKEY_IMAGE PYTHON_IMAGE; do
  tag=$(tag_of "$name")
  digest=$(docker buildx imagetools inspect "$tag" --format '{{.Manifest.Digest}}')
  echo "$digest" | grep -qxE 'sha256:[0-9a-f]{64}' || { echo "$tag: the registry told no digest" >&2; exit 1; }
  echo "$name=$tag@$digest" >> .env.new
done
mv .env.new .env
