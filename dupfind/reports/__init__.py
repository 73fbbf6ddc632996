"""What was found, for a person (terminal, HTML) and for scripts (JSON, CSV)."""
