"""How real drawn pictures are, how varied, and whether they were learnt by heart.

Axes: N pictures, F features.
"""

from dataclasses import dataclass

from torch import Tensor

from modelmill_sdk.learning.distances import fid, kid, nearest, variety
from modelmill_sdk.learning.features import NAME

# With fewer held-out pictures than this, the figures say more about them than about the model.
MIN_HELD_OUT = 10


@dataclass(frozen=True, kw_only=True)
class Realism:
    """Drawn pictures beside held-out ones, and training pictures beside the same held-out ones.

    The second comparison is the floor: what another handful of real pictures would get.
    ``memorised`` below 1 says that drawn pictures lie closer to training pictures than held-out
    ones do; well below 1, that they are copies. ``variety`` of 1 is as varied as real ones.
    """

    kid: float
    kid_floor: float
    fid: float
    fid_floor: float
    memorised: float
    variety: float
    drawn: int
    held_out: int

    def metrics(self) -> dict[str, float]:
        """Give the figures as metrics to report; the network's name is part of theirs."""
        name = NAME.replace("-", "_")
        return {
            f"kid_{name}": self.kid,
            f"kid_{name}_real": self.kid_floor,
            f"fid_{name}": self.fid,
            f"fid_{name}_real": self.fid_floor,
            "nearest_training_ratio": self.memorised,
            "variety": self.variety,
            "pictures_drawn": float(self.drawn),
            "pictures_held_out": float(self.held_out),
        }


def realism_measure(drawn: Tensor, *, seen: Tensor, held_out: Tensor) -> Realism:
    """Compare features ``(N, F)`` of drawn pictures, training pictures and held-out pictures.

    Give as many drawn as training pictures, so that the floor has their number.
    """
    near = nearest(drawn, seen)[0].median()
    return Realism(
        kid=kid(drawn, held_out),
        kid_floor=kid(seen, held_out),
        fid=fid(drawn, held_out),
        fid_floor=fid(seen, held_out),
        memorised=float(near / nearest(held_out, seen)[0].median().clamp_min(1e-12)),
        variety=variety(drawn) / max(variety(seen), 1e-12),
        drawn=len(drawn),
        held_out=len(held_out),
    )
