"""How good the answers are, on the user's own data: recall against exact search, and what it costs."""
