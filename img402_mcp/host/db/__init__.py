"""The database: engine, schema, transactions."""
