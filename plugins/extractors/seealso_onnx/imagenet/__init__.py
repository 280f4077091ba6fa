"""Words for the classes of ImageNet. ``words.txt`` and ``classes.txt`` are made by ``make_table.py`` from WordNet (see LICENSE)."""
