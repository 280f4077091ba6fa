"""What indexing and answering will take, before anybody begins."""
