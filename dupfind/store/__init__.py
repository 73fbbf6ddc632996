"""SQLite: schema, migrations, reads and writes; the only home of sqlite-utils."""
