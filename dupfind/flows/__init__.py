"""The stages joined in order: one module for each thing a library does."""
