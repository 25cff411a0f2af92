"""How good the finished model is, beside both baselines, on each user's last item."""

from modelmill_sdk import TrainRun

from modelmill_recommendation.holdout import holdout_make
from modelmill_recommendation.models import recommender_load
from modelmill_recommendation.params import METHODS
from modelmill_recommendation.preparation import interactions_for
from modelmill_recommendation.ranking import quality_measure

MOST_ASKED = 10_000


def evaluate(run: TrainRun) -> dict[str, float]:
    """Measure all three models on the test questions; without a prefix, the one that answers.

    The last item of a user was neither learned from nor used to choose.
    """
    model = recommender_load(run.model_dir, run.device)
    known = interactions_for(run.data, run.params)
    questions = holdout_make(known.histories, most=MOST_ASKED, seed=run.seed).test
    measured: dict[str, float] = {"users_measured": len(questions)}
    for name in METHODS:
        quality = quality_measure(model.scorer(name), questions, may_repeat=model.may_repeat)
        measured |= quality.metrics(f"{name.replace('-', '_')}_")
        if name == model.served:
            measured |= quality.metrics()
    return measured
