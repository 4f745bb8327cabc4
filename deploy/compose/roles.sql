-- The owner of the schemas, the role of each room, the database and its extension: what services/local/postgres_roles.py
-- does on one machine, with passwords. By psql, as a superuser, with PASSWORD_OWNER, PASSWORD_ADMIN… in its environment:
--   psql --set ON_ERROR_STOP=1 --file roles.sql postgres
-- The image of PostgreSQL runs it by itself on an empty database. Run again, it sets the passwords anew.

\getenv owner PASSWORD_OWNER
\getenv admin PASSWORD_ADMIN
\getenv ingest PASSWORD_INGEST
\getenv storage PASSWORD_STORAGE
\getenv data_management PASSWORD_DATA_MANAGEMENT
\getenv access PASSWORD_ACCESS
\getenv proof PASSWORD_PROOF

SELECT format('CREATE ROLE %I LOGIN', role)
FROM unnest(ARRAY['chartrier_owner', 'chartrier_admin', 'chartrier_ingest', 'chartrier_storage',
                  'chartrier_data_management', 'chartrier_access', 'chartrier_proof']) AS role
WHERE role NOT IN (SELECT rolname FROM pg_roles)
\gexec
ALTER ROLE chartrier_owner PASSWORD :'owner';
ALTER ROLE chartrier_admin PASSWORD :'admin';
ALTER ROLE chartrier_ingest PASSWORD :'ingest';
ALTER ROLE chartrier_storage PASSWORD :'storage';
ALTER ROLE chartrier_data_management PASSWORD :'data_management';
ALTER ROLE chartrier_access PASSWORD :'access';
ALTER ROLE chartrier_proof PASSWORD :'proof';

SELECT 'CREATE DATABASE chartrier OWNER chartrier_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'chartrier')
\gexec
REVOKE ALL ON DATABASE chartrier FROM PUBLIC;
GRANT CONNECT, TEMPORARY ON DATABASE chartrier TO chartrier_admin, chartrier_ingest, chartrier_storage,
  chartrier_data_management, chartrier_access, chartrier_proof;

\connect chartrier
CREATE EXTENSION IF NOT EXISTS unaccent;
