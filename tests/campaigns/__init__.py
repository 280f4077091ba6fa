"""Campaigns: programs that try to break a promise of seealso, thousands of times, each time in another way.

    make torture MINUTES=30
    cd tests; python -m campaigns kill flip --minutes 30 --seed 7

Each is a class in a module of its own (`campaign.Campaign`), in the table of ``__main__.py``.
"""
