-- Copyright (c) 2026, odoo_cloud.platform contributors
-- SPDX-License-Identifier: BSD-2-Clause
-- Creates or repairs the admin role: as on a managed server, it may make roles and databases, but is no superuser.
-- The server reads the verifier itself, so it is in no statement that a log or pg_stat_activity could show.
SET log_statement = 'none';
SET log_min_duration_statement = -1;
SET log_min_error_statement = 'panic';
SET log_error_verbosity = 'terse';
SET client_min_messages = 'error';
SET password_encryption = 'scram-sha-256';
SET statement_timeout = '4s';
SELECT set_config('odoo_cloud.role', :'role', false) \g /dev/null
DO $do$
DECLARE
    wanted_name text := current_setting('odoo_cloud.role');
    wanted text := rtrim(pg_read_file('/run/secrets/admin_verifier'), E' \n');
    found pg_authid%ROWTYPE;
BEGIN
    IF wanted !~ '^SCRAM-SHA-256\$\d+:[A-Za-z0-9+/=]+\$[A-Za-z0-9+/=]+:[A-Za-z0-9+/=]+$' THEN
        RAISE EXCEPTION '/run/secrets/admin_verifier: is not a SCRAM-SHA-256 verifier';
    END IF;
    IF pg_is_in_recovery() THEN
        RETURN;
    END IF;
    SELECT * INTO found FROM pg_authid WHERE rolname = wanted_name;
    IF found.rolname IS NULL THEN
        EXECUTE format('CREATE ROLE %I LOGIN CREATEROLE CREATEDB NOSUPERUSER NOREPLICATION NOBYPASSRLS PASSWORD %L', wanted_name, wanted);
    ELSIF found.rolpassword IS DISTINCT FROM wanted OR found.rolsuper OR found.rolreplication OR found.rolbypassrls
        OR NOT found.rolcanlogin OR NOT found.rolcreaterole OR NOT found.rolcreatedb OR NOT found.rolinherit
        OR found.rolconnlimit <> -1 OR found.rolvaliduntil < 'infinity'
    THEN
        EXECUTE format('ALTER ROLE %I LOGIN CREATEROLE CREATEDB NOSUPERUSER NOREPLICATION NOBYPASSRLS INHERIT CONNECTION LIMIT -1 '
                       'VALID UNTIL ''infinity'' PASSWORD %L', wanted_name, wanted);
    END IF;
    IF current_setting('server_version_num')::int >= 160000 THEN
        IF NOT pg_has_role(wanted_name, 'pg_use_reserved_connections', 'USAGE') THEN
            EXECUTE format('GRANT pg_use_reserved_connections TO %I', wanted_name);
        END IF;
    END IF;
END
$do$;
