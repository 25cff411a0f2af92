"""A whole training run, from labelled texts to a finished classifier."""

from modelmill_sdk import TrainRun

from modelmill_text_classification.calibration import probabilities
from modelmill_text_classification.exports import exports_write
from modelmill_text_classification.ledger import Ledger
from modelmill_text_classification.linear_learning import linear_learn
from modelmill_text_classification.models import LINEAR, Classifier, ClassifierConfig
from modelmill_text_classification.plans import (
    Method,
    methods_choose,
    network_plan,
    strengths_for,
)
from modelmill_text_classification.preparation import Prepared, prepare

_SHOWN = 6
_SHOWN_CHARS = 120


def train(run: TrainRun) -> None:
    """Try the methods, cheapest first, and leave the best one in ``run.model_dir``.

    Raises CustomerError where there is too little to learn from or the training breaks down.
    """
    prepared = prepare(run)
    if run.resume_from is not None:
        ledger, current = Ledger.restore(run.resume_from, device=run.device)
    else:
        chosen = methods_choose(run.params, prepared.amount, device=run.device)
        ledger, current = Ledger(methods=list(chosen)), {}
        run.log(f"What is tried, in this order: {', '.join(chosen)}.")
    while ledger.left and not (ledger.tried and run.is_finishing):
        _try(run, prepared, ledger, current)
        current = {}
        _show(run, prepared, ledger)
        run.checkpoint(ledger.steps, ledger.save)
    if run.rank == 0:
        _finish(run, prepared, ledger)


def _try(run: TrainRun, prepared: Prepared, ledger: Ledger, current: dict[str, object]) -> None:
    """Bring the next method to its end."""
    method: Method = ledger.left[0]  # type: ignore[assignment]
    total = ledger.steps + sum(_steps(run, prepared, one) for one in ledger.left)
    if method in LINEAR:
        linear_learn(run, prepared, ledger, method, current=current, total=total)
        return
    from modelmill_text_classification.network_learning import NetworkLearning

    NetworkLearning(run, prepared, ledger, method).learn(current=current, total=total)


def _steps(run: TrainRun, prepared: Prepared, method: str) -> int:
    rows = len(prepared.learned)
    if method in LINEAR:
        return len(strengths_for(method, rows))  # type: ignore[arg-type]
    return network_plan(run.params, method, rows=rows, device=run.device).steps  # type: ignore[arg-type]


def _show(run: TrainRun, prepared: Prepared, ledger: Ledger) -> None:
    """Show some held-out texts with what the best model so far answers."""
    if ledger.best is None or not len(prepared.held) or run.rank:
        return
    held, temperature = prepared.held, ledger.winner.score.temperature
    count = min(_SHOWN, len(held))
    # Spread evenly, for splits may come sorted by class.
    rows = [len(held) * place // count for place in range(count)]
    texts = [held.texts[row] for row in rows]
    chances = probabilities(ledger.best.logits(texts) / temperature)
    lines = [
        f"{prepared.labels[int(row.argmax())]} ({row.max():.0%}; it is "
        f"{prepared.labels[int(held.labels[number])]}): {text[:_SHOWN_CHARS]}"
        for row, number, text in zip(chances, rows, texts, strict=True)
    ]
    run.sample("answers", "\n".join(lines), step=ledger.steps)


def _finish(run: TrainRun, prepared: Prepared, ledger: Ledger) -> None:
    winner, model = ledger.winner, ledger.best
    assert model is not None
    run.log(f"The best on held-out texts is {winner.method}; it answers.")
    config = ClassifierConfig(
        method=winner.method,
        labels=prepared.labels,
        temperature=winner.score.temperature,
        prior=prepared.prior,
    )
    config.write(run.model_dir)
    model.save(run.model_dir)
    run.report(
        **winner.score.metrics(),
        temperature=winner.score.temperature,
        weights=model.size(),
        methods_tried=len(ledger.tried),
        **{f"heldout_accuracy_{one.method}": one.score.accuracy for one in ledger.tried},
    )
    exports_write(run, Classifier(config, model), held=prepared.held)
