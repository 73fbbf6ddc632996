"""The library's database: SQLite, the only truth."""
