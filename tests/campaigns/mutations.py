"""Mutations: bytes and texts that are nearly right, or not at all."""

import random
from collections.abc import Sequence

NUMBERS = (
    0,
    1,
    127,
    128,
    255,
    0x7FFF,
    0x8000,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    (1 << 63) - 1,
    (1 << 64) - 1,
)

WORDS = (
    *("", " ", "word1", "word1 word2", '"word1 word2"', '"', '""', "'", "(", ")", "(((", "word1 AND", "OR NOT", "*", "w*", "*w"),
    *("~", "word~", "word1~9", "-", "--", "-word1", "- -", ":", "title:", "title:word1", "creator:*", "_id:1", "id:1", "id:-1"),
    *("id:99999999999999999999", "id:٣", "id:1e3", "id: 1", "0", "-1", "1e308", "-0.0", "nan", "inf", "9" * 400, "0x10", "1_000"),
    *("[1 TO 2]", "{a TO b}", "^2", "word1^9999", "\\", "\\x", "/.*/", "+word1", "&&", "||", "!", "?", "é", "e\u0301", "\u202e", "\ufeff"),
    *("\u0130ı", "ß", "日本語", "한국어", "🐈\u200d⬛", "\ud7ff", "\U0010ffff", "\u2028", "\x01", "\x1b[31m", "\x7f", "%s%n", "${HOME}"),
    *("../../etc/passwd", "/dev/null", "file:///etc/passwd", "http://127.0.0.1/", "<script>", "a" * 60_000, "a " * 3000, "(" * 3000),
)  # fmt: skip


def text(random: random.Random) -> str:
    """Something to look for."""
    kind = random.randrange(4)
    if kind == 0:
        return random.choice(WORDS)
    if kind == 1:
        return " ".join(random.choice(WORDS) for _ in range(random.randrange(1, 6)))
    if kind == 2:
        letters = (chr(random.choice((random.randrange(32, 127), random.randrange(160, 0xD800)))) for _ in range(30))
        return "".join(letters)[: random.randrange(1, 30)]
    written = random.choice(WORDS)
    at = random.randrange(len(written) + 1)
    return written[:at] + random.choice('"():*~-+^\\ {}[]') + written[at:]


def mutated(data: bytes, random: random.Random, tokens: Sequence[bytes] = ()) -> bytes:
    """Bytes with a few changes.

    Args:
        data: the bytes.
        random: what to draw from.
        tokens: what may be put between them.
    """
    for _ in range(random.choice((1, 1, 1, 2, 3, 8, 30))):
        at = random.randrange(len(data) + 1)
        until = min(len(data), at + random.choice((1, 2, 4, 16, 200)))
        way = random.randrange(7 if tokens else 6)
        if way == 0:
            data = data[:at] + bytes(each ^ 1 << random.randrange(8) for each in data[at : at + 1]) + data[at + 1 :]
        elif way == 1:
            data = data[:at] + random.randbytes(until - at) + data[until:]
        elif way == 2:
            data = data[:at] + data[until:]
        elif way == 3:
            data = data[:until] + data[at:until] * random.choice((1, 1, 2, 50)) + data[until:]
        elif way == 4:
            number = random.choice(NUMBERS).to_bytes(8, random.choice(("little", "big")))
            number = (
                number[: random.choice((1, 2, 4, 8))]
                if random.random() < 0.5
                else number[-random.choice((1, 2, 4, 8)) :]
            )
            data = data[:at] + number + data[at + len(number) :]
        elif way == 5:
            data = data[:at] if random.random() < 0.3 else data
        else:
            data = data[:at] + random.choice(tokens) + data[at:]
    return data
