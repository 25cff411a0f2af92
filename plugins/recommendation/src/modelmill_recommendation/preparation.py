"""What a training works on: histories, what is held out of them, and both baselines."""

from dataclasses import dataclass

import numpy as np
from modelmill_sdk import CustomerError, TrainRun
from modelmill_sdk.data import TrainData

from modelmill_recommendation.checks import too_little
from modelmill_recommendation.holdout import Holdout, holdout_make
from modelmill_recommendation.interactions import Interactions, interactions_read
from modelmill_recommendation.neighbours import ItemKnn, item_knn_fit
from modelmill_recommendation.params import ITEM_KNN, POPULARITY, TrainParams
from modelmill_recommendation.popularity import Popularity, popularity_fit
from modelmill_recommendation.ranking import Quality, Scorer, quality_measure

# Users asked each time the network is measured; more would cost time, fewer certainty.
MOST_ASKED = 2_000


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """Everything that does not depend on the network."""

    known: Interactions
    holdout: Holdout
    popularity: Popularity
    item_knn: ItemKnn
    baselines: dict[str, Quality]

    def quality(self, model: Scorer) -> Quality:
        """Measure a model on the validation questions."""
        may_repeat = self.known.has_repeats
        return quality_measure(model, self.holdout.validation, may_repeat=may_repeat)


def prepare(run: TrainRun) -> Prepared:
    """Read the rows, hold out, and make and measure the baselines.

    Raises CustomerError where there is too little to learn from.
    """
    known = interactions_for(run.data, run.params)
    holdout = holdout_make(known.histories, most=MOST_ASKED, seed=run.seed)
    item_count, may_repeat = len(known.items), known.has_repeats
    _tell(run, known, holdout)
    popularity = popularity_fit(holdout.learned, item_count=item_count)
    item_knn = item_knn_fit(holdout.learned, item_count=item_count)
    baselines = {
        name: quality_measure(model, holdout.validation, may_repeat=may_repeat)
        for name, model in ((ITEM_KNN, item_knn), (POPULARITY, popularity))
    }
    return Prepared(
        known=known,
        holdout=holdout,
        popularity=popularity,
        item_knn=item_knn,
        baselines=baselines,
    )


def interactions_for(data: TrainData, params: TrainParams) -> Interactions:
    """Read a dataset's interactions. Raises CustomerError where they do not suffice."""
    known = interactions_read(data, min_rating=params.min_rating)
    complaint = too_little(known)
    if complaint:
        raise CustomerError(f"{complaint.reason} {complaint.fix}")
    return known


def _tell(run: TrainRun, known: Interactions, holdout: Holdout) -> None:
    lengths = known.histories.lengths
    run.log(
        f"{lengths.sum():,} interactions of {len(known.users):,} users with {len(known.items):,} "
        f"items, {np.median(lengths):g} for the median user. The last two of each user are held "
        f"out; {len(holdout.test):,} users are measured on, all items ranked."
    )
    if not known.is_timed:
        run.log("There are no timestamps: histories are in the order of the file's rows.")
    if known.has_repeats:
        run.log("People come back to what they met, so that is recommended, too.")
