"""The Python API: a library of photos, as one object."""
