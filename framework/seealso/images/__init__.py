"""The only place that decodes images."""
