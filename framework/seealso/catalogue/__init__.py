"""The catalogue: the transactional record of what a collection holds, in SQLite."""
