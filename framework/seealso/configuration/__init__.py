"""The configuration: YAML → checked models, and what is said of them."""
