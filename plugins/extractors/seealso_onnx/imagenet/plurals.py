"""English plurals, as far as the table needs them; irregular ones are entries of the table itself."""

ENDINGS = (
    ("ies", "y"),
    ("ves", "f"),
    ("sses", "ss"),
    ("xes", "x"),
    ("ches", "ch"),
    ("shes", "sh"),
    ("men", "man"),
    ("s", ""),
)
"""How plurals end, and the singular for it."""


def singulars(word: str) -> list[str]:
    """A word itself, and what it may be the plural of by its ending."""
    return [
        word,
        *(
            word.removesuffix(end) + instead
            for end, instead in ENDINGS
            if word.endswith(end) and len(word) > len(end) + 1
        ),
    ]
