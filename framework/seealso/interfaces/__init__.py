"""What a plugin implements: one small abstract class a file."""
