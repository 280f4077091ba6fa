"""What a collection consists of: the plugins in force, its files, its making, its lock."""
