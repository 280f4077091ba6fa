"""How many examples the properties of the conformance kit are tried with."""

from hypothesis import HealthCheck, settings


def examples(percent: int = 100) -> settings:
    """The settings of a property: this share of the examples that the hypothesis profile asks for, for as long as it takes.

    A profile asks for 100 unless it says otherwise, so a run with another profile tries the whole kit harder, or less hard.
    """
    return settings(
        deadline=None,
        max_examples=max(1, settings().max_examples * percent // 100),
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
