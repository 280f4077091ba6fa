"""Writing a plugin: a working one of each kind to start from."""
