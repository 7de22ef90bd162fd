# Copyright (c) 2026, odoo_cloud.platform contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a role of an instance tries: {me} is the instance that was broken into, {other} the second one, {admin} the administrator,
{point} a restore point of {me}."""

from __future__ import annotations

# (what, database, statement): each is refused by the server. A result, or no error, is a success of the attempt.
STATEMENTS = (
    ("create a role", "{me}", 'CREATE ROLE "{me}_intruder" LOGIN'),
    ("create a superuser", "{me}", 'CREATE ROLE "{me}_intruder" LOGIN SUPERUSER'),
    ("become superuser", "{me}", 'ALTER ROLE "{me}" SUPERUSER'),
    ("take CREATEROLE", "{me}", 'ALTER ROLE "{me}" CREATEROLE'),
    ("take CREATEDB", "{me}", 'ALTER ROLE "{me}" CREATEDB'),
    ("take REPLICATION", "{me}", 'ALTER ROLE "{me}" REPLICATION'),
    ("take BYPASSRLS", "{me}", 'ALTER ROLE "{me}" BYPASSRLS'),
    ("lift the connection limit", "{me}", 'ALTER ROLE "{me}" CONNECTION LIMIT -1'),
    ("be valid for ever", "{me}", "ALTER ROLE \"{me}\" VALID UNTIL 'infinity'"),
    ("join the other instance", "{me}", 'GRANT "{other}" TO "{me}"'),
    ("join the own keeper", "{me}", 'GRANT "{me}_keeper" TO "{me}"'),
    ("join the administrator", "{me}", 'GRANT "{admin}" TO "{me}"'),
    ("join pg_read_all_data", "{me}", 'GRANT pg_read_all_settings TO "{me}"'),
    ("join pg_signal_backend", "{me}", 'GRANT pg_signal_backend TO "{me}"'),
    ("join pg_execute_server_program", "{me}", 'GRANT pg_execute_server_program TO "{me}"'),
    ("let the other instance's role join", "{me}", 'GRANT "{me}" TO "{other}" GRANTED BY "{admin}"'),
    ("act as the other instance", "{me}", 'SET ROLE "{other}"'),
    ("act as the own keeper", "{me}", 'SET ROLE "{me}_keeper"'),
    ("act as the administrator", "{me}", 'SET ROLE "{admin}"'),
    ("log in as the other instance within a session", "{me}", 'SET SESSION AUTHORIZATION "{other}"'),
    ("log in as the superuser within a session", "{me}", "SET SESSION AUTHORIZATION postgres"),
    ("another password for the other instance", "{me}", "ALTER ROLE \"{other}\" PASSWORD 'mine'"),
    ("another password for the own keeper", "{me}", "ALTER ROLE \"{me}_keeper\" PASSWORD 'mine'"),
    ("settings for the other instance", "{me}", 'ALTER ROLE "{other}" SET search_path = public'),
    ("settings for the own keeper", "{me}", 'ALTER ROLE "{me}_keeper" SET search_path = public'),
    ("settings for the administrator", "{me}", 'ALTER ROLE "{admin}" SET search_path = public'),
    ("settings for the administrator in the own database", "{me}", 'ALTER ROLE "{admin}" IN DATABASE "{me}" SET search_path = public'),
    ("settings for all roles", "{me}", "ALTER ROLE ALL SET search_path = public"),
    ("settings of the other database", "{me}", 'ALTER DATABASE "{other}" SET search_path = public'),
    ("settings of postgres", "{me}", "ALTER DATABASE postgres SET search_path = public"),
    ("settings of the lock's database", "{me}", 'ALTER DATABASE "{me}--lock" SET search_path = public'),
    ("settings of the restore point", "{me}", 'ALTER DATABASE "{point}" SET search_path = public'),
    ("create a database", "{me}", 'CREATE DATABASE "{me}_copy"'),
    ("copy the other database", "{me}", 'CREATE DATABASE "{me}_copy" TEMPLATE "{other}"'),
    ("copy the restore point", "{me}", 'CREATE DATABASE "{me}_copy" TEMPLATE "{point}"'),
    ("drop the other database", "{me}", 'DROP DATABASE "{other}" WITH (FORCE)'),
    ("drop the other lock's database", "{me}", 'DROP DATABASE "{other}--lock" WITH (FORCE)'),
    ("drop the own lock's database", "{me}", 'DROP DATABASE "{me}--lock" WITH (FORCE)'),
    ("drop the restore point", "{me}", 'DROP DATABASE "{point}" WITH (FORCE)'),
    ("rename the restore point", "{me}", 'ALTER DATABASE "{point}" RENAME TO "{me}_gone"'),
    ("open the restore point", "{me}", 'ALTER DATABASE "{point}" ALLOW_CONNECTIONS true'),
    ("own the restore point", "{me}", 'ALTER DATABASE "{point}" OWNER TO "{me}"'),
    ("another comment on the restore point", "{me}", "COMMENT ON DATABASE \"{point}\" IS 'x'"),
    ("a limit for the restore point", "{me}", 'ALTER DATABASE "{point}" CONNECTION LIMIT 0'),
    ("connect to the restore point", "{point}", "SELECT 1"),
    ("connect to the other database", "{other}", "SELECT 1"),
    ("connect to the other lock's database", "{other}--lock", "SELECT 1"),
    ("own the other database", "{me}", 'ALTER DATABASE "{other}" OWNER TO "{me}"'),
    ("give the own database to the administrator", "{me}", 'ALTER DATABASE "{me}" OWNER TO "{admin}"'),
    ("give the own database to the other instance", "{me}", 'ALTER DATABASE "{me}" OWNER TO "{other}"'),
    ("rename the own database", "{me}", 'ALTER DATABASE "{me}" RENAME TO "{other}_2"'),
    ("a schema in the lock's database", "{me}--lock", "CREATE SCHEMA planted"),
    ("a table in the lock's database", "{me}--lock", "CREATE TABLE public.planted (id int)"),
    ("a function in the lock's database", "{me}--lock", "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    ("a temporary table in the lock's database", "{me}--lock", "CREATE TEMPORARY TABLE planted (id int)"),
    ("a function in pg_catalog", "{me}", "CREATE FUNCTION pg_catalog.f() RETURNS int LANGUAGE sql AS 'SELECT 1'"),
    ("another pg_database", "{me}", "CREATE OR REPLACE VIEW pg_catalog.pg_stat_activity AS SELECT 1 AS pid"),
    ("a rule on pg_roles", "{me}", "CREATE RULE r AS ON INSERT TO pg_catalog.pg_roles DO INSTEAD SELECT 1"),
    ("an event trigger", "{me}", "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION public.planted_event()"),
    ("run a program", "{me}", "COPY (SELECT 1) TO PROGRAM 'true'"),
    ("read a file of the server", "{me}", "COPY public.planted_lines FROM '/etc/passwd'"),
    ("write a file of the server", "{me}", "COPY (SELECT 1) TO '/tmp/planted'"),
    ("read a file by function", "{me}", "SELECT pg_catalog.pg_read_file('/etc/passwd')"),
    ("list the server's folder", "{me}", "SELECT count(*) FROM pg_catalog.pg_ls_dir('.')"),
    ("import a file as a large object", "{me}", "SELECT pg_catalog.lo_import('/etc/passwd')"),
    ("a function in C", "{me}", "CREATE FUNCTION public.c(int) RETURNS int LANGUAGE c AS '/lib/x86_64-linux-gnu/libc.so.6', 'abs'"),
    ("load a library", "{me}", "LOAD '/tmp/planted.so'"),
    ("an untrusted language", "{me}", "CREATE EXTENSION plpython3u"),
    ("connections to other servers", "{me}", "CREATE EXTENSION postgres_fdw"),
    ("connections to other databases", "{me}", "CREATE EXTENSION dblink"),
    ("files as tables", "{me}", "CREATE EXTENSION file_fdw"),
    ("a subscription", "{me}", "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p"),
    ("a replication slot", "{me}", "SELECT pg_catalog.pg_create_physical_replication_slot('planted')"),
    ("a tablespace", "{me}", "CREATE TABLESPACE planted LOCATION '/tmp'"),
    ("settings of the server", "{me}", "ALTER SYSTEM SET log_statement = 'none'"),
    ("load the configuration again", "{me}", "SELECT pg_catalog.pg_reload_conf()"),
    ("a library for every session", "{me}", 'ALTER ROLE "{me}" SET session_preload_libraries = \'planted\''),
    ("read passwords", "{me}", "SELECT rolpassword FROM pg_catalog.pg_authid"),
    ("write roles into the catalog", "{me}", "UPDATE pg_catalog.pg_authid SET rolsuper = true"),
    ("read the host rules", "{me}", "SELECT count(*) FROM pg_catalog.pg_hba_file_rules"),
    ("end the other instance's sessions", "{me}",
     "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = '{other}'"),
    ("cancel the other instance's statements", "{me}",
     "SELECT pg_catalog.pg_cancel_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = '{other}'"),
    ("end the keeper's session", "{me}",
     "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity WHERE usename = '{me}_keeper'"),
    ("default rights for the other role", "{me}", 'ALTER DEFAULT PRIVILEGES FOR ROLE "{other}" GRANT ALL ON TABLES TO "{me}"'),
    ("take what the other owns", "{me}", 'REASSIGN OWNED BY "{other}" TO "{me}"'),
    ("write a restart point", "{me}", "CHECKPOINT"),
)  # fmt: skip

# Made before the statements above, which need them to fail for the right reason
READY = """
CREATE FUNCTION public.planted_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
CREATE TABLE public.planted_lines (line text);
"""
READY_GONE = "DROP FUNCTION public.planted_event(); DROP TABLE public.planted_lines;"

# What every trap does when something runs it: it tries to take rights, and tells the server's log as whom it ran.
# Each step alone, because the first one that is refused would end the function.
PLANTED = """
CREATE OR REPLACE FUNCTION public.planted(kind text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE statement text;
BEGIN
    FOREACH statement IN ARRAY ARRAY[
        'RESET ROLE', 'RESET SESSION AUTHORIZATION', 'CREATE ROLE "{me}_intruder" LOGIN SUPERUSER', 'GRANT "{other}" TO "{me}"',
        'GRANT "{admin}" TO "{me}"', 'GRANT "{me}_keeper" TO "{me}"', 'ALTER ROLE "{me}" CREATEROLE CREATEDB'
    ] LOOP
        BEGIN EXECUTE statement; EXCEPTION WHEN OTHERS THEN NULL; END;
    END LOOP;
    RAISE LOG 'trap % ran as % and % for %', kind, session_user, current_user, current_setting('application_name');
    RETURN kind;
END $$;
"""

# (kind, statements): what an owner leaves in its database for the sessions of others. All work on Odoo's own tables and on ours, without
# being in the way of honest work. What is run tells its name to the server's log; no two have the same one.
TRAPS = (
    ("function of Odoo's name in public", "CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT"
     " pg_catalog.now() FROM (SELECT public.planted('now')) x $$"),
    ("coalescing function", "CREATE FUNCTION public.left(varchar, integer) RETURNS text LANGUAGE plpgsql AS $$ BEGIN"
     " PERFORM public.planted('left'); RETURN pg_catalog.left($1::text, $2); END $$"),
    ("function to_regclass", "CREATE FUNCTION public.to_regclass(unknown_name varchar) RETURNS regclass LANGUAGE plpgsql AS $$ BEGIN"
     " PERFORM public.planted('to_regclass'); RETURN pg_catalog.to_regclass($1::text); END $$"),
    ("operator =", "CREATE FUNCTION public.same(varchar, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM"
     " public.planted('operator'); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;"
     "CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = text, FUNCTION = public.same)"),
    ("operator <>", "CREATE FUNCTION public.other(varchar, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM"
     " public.planted('operator <>'); RETURN $1 OPERATOR(pg_catalog.<>) $2; END $$;"
     "CREATE OPERATOR public.<> (LEFTARG = varchar, RIGHTARG = text, FUNCTION = public.other)"),
    ("operator > of tokens", "CREATE FUNCTION public.more(bigint, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM"
     " public.planted('operator >'); RETURN $1 OPERATOR(pg_catalog.>) $2; END $$;"
     "CREATE OPERATOR public.> (LEFTARG = bigint, RIGHTARG = integer, FUNCTION = public.more)"),
    ("cast", "CREATE TYPE public.odd AS ENUM ('a'); CREATE FUNCTION public.odd_text(public.odd) RETURNS text LANGUAGE plpgsql AS"
     " $$ BEGIN RETURN public.planted('cast'); END $$; CREATE CAST (public.odd AS text) WITH FUNCTION public.odd_text(public.odd)"
     " AS IMPLICIT"),
    ("aggregate", "CREATE FUNCTION public.step(bigint, bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN PERFORM"
     " public.planted('aggregate'); RETURN greatest($1, $2); END $$;"
     "CREATE AGGREGATE public.max(bigint) (SFUNC = public.step, STYPE = bigint)"),
    ("policy on the modules", "CREATE POLICY planted ON public.ir_module_module USING (CASE WHEN name OPERATOR(pg_catalog.=) 'base' THEN"
     " public.planted('policy') IS NOT NULL ELSE true END); ALTER TABLE public.ir_module_module ENABLE ROW LEVEL SECURITY;"
     "ALTER TABLE public.ir_module_module FORCE ROW LEVEL SECURITY"),
    ("policy on the parameters", "CREATE POLICY planted ON public.ir_config_parameter USING (CASE WHEN key OPERATOR(pg_catalog.=)"
     " 'database.uuid' THEN public.planted('policy of parameters') IS NOT NULL ELSE true END);"
     "ALTER TABLE public.ir_config_parameter ENABLE ROW LEVEL SECURITY; ALTER TABLE public.ir_config_parameter FORCE ROW LEVEL SECURITY"),
    ("policy of users", "CREATE POLICY planted ON public.res_users USING (CASE WHEN login OPERATOR(pg_catalog.=) 'admin' THEN"
     " public.planted('policy of users') IS NOT NULL ELSE true END); ALTER TABLE public.res_users ENABLE ROW LEVEL SECURITY;"
     "ALTER TABLE public.res_users FORCE ROW LEVEL SECURITY"),
    ("policy of names", "CREATE POLICY planted ON public.ir_model_data USING (CASE WHEN name OPERATOR(pg_catalog.=) 'user_admin' THEN"
     " public.planted('policy of names') IS NOT NULL ELSE true END); ALTER TABLE public.ir_model_data ENABLE ROW LEVEL SECURITY;"
     "ALTER TABLE public.ir_model_data FORCE ROW LEVEL SECURITY"),
    ("policy of languages", "CREATE POLICY planted ON public.res_lang USING (CASE WHEN code OPERATOR(pg_catalog.=) 'en_US' THEN"
     " public.planted('policy of languages') IS NOT NULL ELSE true END); ALTER TABLE public.res_lang ENABLE ROW LEVEL SECURITY;"
     "ALTER TABLE public.res_lang FORCE ROW LEVEL SECURITY"),
    ("policy of attachments", "CREATE POLICY planted ON public.ir_attachment USING (CASE WHEN id OPERATOR(pg_catalog.=) 1 THEN"
     " public.planted('policy of attachments') IS NOT NULL ELSE true END); ALTER TABLE public.ir_attachment ENABLE ROW LEVEL SECURITY;"
     "ALTER TABLE public.ir_attachment FORCE ROW LEVEL SECURITY"),
    ("trigger on the history", "CREATE FUNCTION public.on_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM"
     " public.planted('trigger'); RETURN NEW; END $$;"
     "CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON public.curq_state_history FOR EACH ROW EXECUTE FUNCTION public.on_row()"),
    ("trigger on the records of modules", "CREATE FUNCTION public.on_module() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM"
     " public.planted('trigger of modules'); RETURN NEW; END $$; CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON"
     " public.odoo_cloud_module FOR EACH ROW EXECUTE FUNCTION public.on_module()"),
    ("trigger on the modules", "CREATE FUNCTION public.on_installed() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM"
     " public.planted('trigger on the modules'); RETURN NULL; END $$; CREATE TRIGGER planted AFTER UPDATE ON public.ir_module_module"
     " FOR EACH STATEMENT EXECUTE FUNCTION public.on_installed()"),
    ("trigger on the scheduled actions", "CREATE FUNCTION public.on_cron() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM"
     " public.planted('trigger on the scheduled actions'); RETURN NULL; END $$; CREATE TRIGGER planted AFTER UPDATE ON public.ir_cron"
     " FOR EACH STATEMENT EXECUTE FUNCTION public.on_cron()"),
    ("trigger on what was checked", "CREATE TABLE IF NOT EXISTS public.odoo_cloud_checked (name varchar PRIMARY KEY, value varchar"
     " NOT NULL); CREATE FUNCTION public.on_checked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM"
     " public.planted('trigger on what was checked'); RETURN NEW; END $$; CREATE TRIGGER planted BEFORE INSERT OR UPDATE ON"
     " public.odoo_cloud_checked FOR EACH ROW EXECUTE FUNCTION public.on_checked(); DELETE FROM public.odoo_cloud_checked"),
    ("default of a column", "ALTER TABLE public.curq_state_history ADD planted text DEFAULT NULL;"
     "ALTER TABLE public.curq_state_history ALTER planted SET DEFAULT public.planted('default')"),
    ("default of the date", "ALTER TABLE public.curq_state_history ALTER write_date SET DEFAULT"
     " pg_catalog.now() + (public.planted('date') IS NULL)::int * interval '1 s'"),
    ("settings of the role", "ALTER ROLE \"{me}\" SET search_path = public, pg_catalog"),
    ("settings of the database", "ALTER DATABASE \"{me}\" SET search_path = public, pg_catalog"),
    ("settings of the role in the lock's database", "ALTER ROLE \"{me}\" IN DATABASE \"{me}\" SET statement_timeout = '120s'"),
    ("a setting that is a statement", "SELECT set_config('search_path', 'x;GRANT/**/\"{other}\"/**/TO/**/\"{me}\"', false);"
     "ALTER ROLE \"{me}\" IN DATABASE \"{me}--lock\" SET search_path FROM CURRENT"),
    ("read only", "ALTER ROLE \"{me}\" IN DATABASE \"{me}--lock\" SET default_transaction_read_only = on"),
    ("comment that is a statement", "COMMENT ON DATABASE \"{me}\" IS E'x''; GRANT \"{other}\" TO \"{me}\"; --\\n{{{{"
     " lookup(''pipe'', ''touch {touched}-comment'') }}}}'"),
    ("names with quotes and newlines", "CREATE SCHEMA \"a\"\"; DROP ROLE x; --\n\"; CREATE TABLE public.\"b\"\"\n; SELECT 1 --\""
     " (\"write_date\" timestamp, \"c\"\"\n;\" text)"),
    ("a template's text as a reason", "INSERT INTO public.curq_state_history (state, actor, detail) VALUES ('Ready',"
     " '{{{{ lookup(''pipe'', ''touch {touched}-actor'') }}}}', '{{{{ lookup(''pipe'', ''touch {touched}-detail'') }}}}')"),
    ("a domain", "CREATE DOMAIN public.varchar AS pg_catalog.text CHECK (public.planted('domain') IS NOT NULL)"),
    ("a table named like the catalog's", "CREATE TABLE public.pg_database (datname name, datdba oid)"),
    ("a view named like the catalog's", "CREATE VIEW public.pg_roles AS SELECT public.planted('pg_roles')::name AS rolname"),
    ("a view named like a restore point's record", "CREATE VIEW public.odoo_cloud_rehearsal_2 AS SELECT public.planted('record') AS x"),
    ("a rule", "CREATE TABLE public.odoo_cloud_note (x text); CREATE RULE planted AS ON INSERT TO public.odoo_cloud_note DO ALSO"
     " SELECT public.planted('rule')"),
    ("an index that computes", "CREATE FUNCTION public.constant(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN RETURN"
     " public.planted('index'); END $$; CREATE TABLE public.computed AS SELECT 'x'::text AS x; CREATE INDEX ON public.computed"
     " (public.constant(x))"),
    ("a materialised view for autovacuum", "CREATE MATERIALIZED VIEW public.stored AS SELECT public.planted('stored') AS x"),
    ("statistics that compute", "CREATE STATISTICS public.computed_statistics ON (public.constant(x)), x FROM public.computed"),
)  # fmt: skip

# What is put in the place of the history: status names it, and force_ready opens the database
HISTORIES = (
    ("a token of 2^63-1", "INSERT INTO public.curq_state_history (state, token, run_id) VALUES ('Failed', 9223372036854775807, 'x')"),
    ("a date beyond all dates", "INSERT INTO public.curq_state_history (state, write_date) VALUES ('Failed', 'infinity')"),
    ("texts of megabytes", "INSERT INTO public.curq_state_history (state, detail) VALUES ('Failed', repeat('x', 300000000))"),
    ("no values", "INSERT INTO public.curq_state_history (state, write_date) VALUES (NULL, NULL)"),
    ("an unknown state", "INSERT INTO public.curq_state_history (state, run_id) VALUES ('Sleeping', 'x')"),
    ("the last number", "INSERT INTO public.curq_state_history (id, state) VALUES (2147483647, 'Failed')"),
    ("a view", "ALTER TABLE public.curq_state_history RENAME TO kept; CREATE VIEW public.curq_state_history AS SELECT id,"
     " public.planted('view') AS state, write_date FROM public.kept"),
    ("no column state", "ALTER TABLE public.curq_state_history DROP COLUMN state"),
    # one that was set aside keeps its key's name, so the key of the one after it has another
    ("duplicates without a key", "UPDATE public.curq_state_history SET state = 'Failed'; DO $$ BEGIN EXECUTE (SELECT pg_catalog.format("
     "'ALTER TABLE public.curq_state_history DROP CONSTRAINT %I', conname) FROM pg_catalog.pg_constraint WHERE contype = 'p' AND"
     " conrelid = 'public.curq_state_history'::pg_catalog.regclass); END $$;"
     " INSERT INTO public.curq_state_history SELECT * FROM public.curq_state_history"),
    ("a trigger that drops rows", "UPDATE public.curq_state_history SET state = 'Failed'; CREATE FUNCTION public.drop_row() RETURNS trigger"
     " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER drop_row BEFORE INSERT ON public.curq_state_history"
     " FOR EACH ROW EXECUTE FUNCTION public.drop_row()"),
)  # fmt: skip
