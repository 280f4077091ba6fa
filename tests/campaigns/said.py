"""What commands write on standard error: their errors, their progress, and what must never stand there."""

import re

BUG = re.compile(r"Traceback|panicked|this is a bug|--debug")
"""What no command may say."""

_PROGRESS = re.compile(r"^[\d,]+( of [\d,]+)? \w+(, .* files/s.*)?\n", re.MULTILINE)


def without_progress(errors: str) -> str:
    """Without the lines by which a command that takes long says how far it is."""
    return _PROGRESS.sub("", errors)
