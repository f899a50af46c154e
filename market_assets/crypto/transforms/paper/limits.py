"""What the account may not enter."""

from typing import NamedTuple

from market_assets.crypto.settings import PaperSettings
from market_assets.crypto.transforms.paper.account import Account, Order

#: a share that exceeds its limit by less was meant to be equal to it
_TOLERANCE = 1e-9


class Verdict(NamedTuple):
    """What would be held with the order, over equity before it, and why it is refused; None where it is not."""

    reason: str | None
    exposure_ratio: float = 0.0
    group_ratio: float = 0.0


def judged(account: Account, order: Order, group: frozenset[str], paper: PaperSettings) -> Verdict:
    """Whether the order may be filled now. `group`: the symbols correlated with its own, itself included."""
    if account.drawdown >= paper.max_drawdown:
        return Verdict("drawdown_limit")
    if order.symbol in account.held:
        return Verdict("symbol_held")
    if len(account.held) >= paper.max_positions:
        return Verdict("positions_limit")
    exposure = account.value() / account.equity + order.size_ratio
    grouped = account.value(group) / account.equity + order.size_ratio
    limits = {
        "position_limit": order.size_ratio - paper.max_position,
        "exposure_limit": exposure - paper.max_exposure,
        "group_limit": grouped - paper.max_group,
    }
    return Verdict(next((name for name, over in limits.items() if over > _TOLERANCE), None), exposure, grouped)
