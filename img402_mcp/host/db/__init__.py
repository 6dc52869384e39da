"""The database: engine, schema, transactions, periodic work."""
