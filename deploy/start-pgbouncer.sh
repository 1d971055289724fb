#!/bin/sh
# Runs in the PgBouncer container, whose file system is read-only except for /tmp.
set -eu
umask 077
printf '"cairn_login" "%s"\n' "$CAIRN_LOGIN_PASSWORD" >/tmp/users.txt
exec pgbouncer /etc/pgbouncer/pgbouncer.ini
