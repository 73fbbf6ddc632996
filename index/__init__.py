"""FAISS: arrays in, arrays out; knows no photo and no database."""
