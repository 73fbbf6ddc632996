"""Photos on disk: scan, decode, edit."""
