"""What reading costs, from a measured speed and a price."""

import math

from got_runtime.errors import OptionError

__all__ = ["cost_per_million_pages"]

MILLION = 1_000_000
SECONDS_PER_HOUR = 3600


def cost_per_million_pages(pages_per_second: float, price_per_hour: float, machines: int = 1) -> float:
    """The price of a million pages, in the currency of ``price_per_hour``.

    Args:
        pages_per_second: of all machines together, as a run of the same documents has shown.
        price_per_hour: of one machine.
        machines: number of machines.

    Raises:
        OptionError: a number that is not above zero, or a negative price.
    """
    if not 0 < pages_per_second < math.inf:
        raise OptionError(f"pages_per_second={pages_per_second!r}: give a measured speed, above zero")
    if not 0 <= price_per_hour < math.inf:
        raise OptionError(f"price_per_hour={price_per_hour!r}: give a price from zero")
    if machines < 1:
        raise OptionError(f"machines={machines!r}: give at least one")
    return MILLION / pages_per_second / SECONDS_PER_HOUR * price_per_hour * machines
