#!/bin/sh
# Makes docker/secrets: a password and an address for each Redis user, the filled-in ACL file, a vault key, Flower's and the page's passwords.
# What is there already is kept; remove the folder to make all anew. The folder is yours alone; its files are readable, as the
# users inside the containers are others than you.
set -eu
cd "$(dirname "$0")"
umask 077
mkdir -p secrets
word() { head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

if [ ! -e secrets/users.acl ]; then
  # The server takes no comments in this file.
  grep '^user ' users.acl > secrets/users.acl.new
  for user in gateway worker beat flower viewer page operator; do
    password=$(word)
    place=$(echo "$user" | tr '[:lower:]' '[:upper:]')
    [ "$user" != flower ] || place=FLOWER_REDIS
    sed "s/@${place}_PASSWORD@/$password/" secrets/users.acl.new > secrets/users.acl.next
    mv secrets/users.acl.next secrets/users.acl.new
    printf 'redis://%s:%s@redis:6379/0' "$user" "$password" > "secrets/$user.url"
  done
  mv secrets/users.acl.new secrets/users.acl
fi
# A Fernet key: 32 bytes in URL-safe base64.
[ -e secrets/vault.keys ] || head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' > secrets/vault.keys
[ -e secrets/flower.password ] || word > secrets/flower.password
[ -e secrets/page.password ] || word > secrets/page.password
[ -e secrets/gateway.env ] || echo '# STREAM_TOKEN_<BOT>=... and STREAM_KEY_<PROVIDER>=...' > secrets/gateway.env
chmod 644 secrets/*.url secrets/users.acl secrets/vault.keys secrets/flower.password secrets/page.password
# Characters of your own, beside the shipped ones; containers read them as another user.
if [ ! -e characters ]; then
  mkdir characters
  [ ! -d ../app/characters ] || cp ../app/characters/*.yaml characters/
  chmod -R u=rwX,go=rX characters
fi
