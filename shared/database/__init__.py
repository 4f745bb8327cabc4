"""One PostgreSQL database, one schema and one role per room."""
