"""What can always be built anew from the catalogue and the store: its one life cycle."""
