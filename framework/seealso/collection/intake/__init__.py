"""The way in: files or descriptors → objects."""
