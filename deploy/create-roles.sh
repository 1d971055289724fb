#!/bin/sh
# Runs in the PostgreSQL container when its volume is empty: creates the database, its owner and the login role.
set -eu
psql --username "${POSTGRES_USER:-postgres}" --set ON_ERROR_STOP=1 \
  --set owner_password="$CAIRN_OWNER_PASSWORD" --set login_password="$CAIRN_LOGIN_PASSWORD" <<'SQL'
CREATE ROLE cairn_owner LOGIN CREATEROLE PASSWORD :'owner_password';
CREATE ROLE cairn_login LOGIN NOINHERIT PASSWORD :'login_password';
-- So that the migrations can store settings with the role.
GRANT cairn_login TO cairn_owner WITH ADMIN OPTION;
CREATE DATABASE cairn OWNER cairn_owner ENCODING 'UTF8' TEMPLATE template0;
SQL
