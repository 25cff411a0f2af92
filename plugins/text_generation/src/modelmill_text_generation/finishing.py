"""From a trained model to what is stored: adapters merged or apart, and int8 if asked for."""

from typing import TYPE_CHECKING, Any

from modelmill_text_generation.bases import merge_adapters, name_base
from modelmill_text_generation.exports import export_int8, is_worth_it
from modelmill_text_generation.preparation import Prepared
from modelmill_text_generation.writers import save_writer

if TYPE_CHECKING:
    from modelmill_sdk import TrainRun


def finish(run: "TrainRun", prepared: Prepared, model: Any) -> None:
    """Leave the finished model in ``run.model_dir``, and report what int8 weights are worth."""
    params = run.params
    if params.method == "lora" and not params.merge:
        name_base(model, params.base)
        save_writer(run.model_dir, prepared.writer(model), base=params.base)
        return
    model = merge_adapters(model)
    settings = _int8(run, prepared, model) if params.int8 else {}
    save_writer(run.model_dir, prepared.writer(model), **settings)


def _int8(run: "TrainRun", prepared: Prepared, model: Any) -> dict[str, Any]:
    """Store int8 weights, say what they are worth, and settle whether they are written from."""
    run.model_dir.mkdir(parents=True, exist_ok=True)
    trade = export_int8(run.model_dir, model, prepared.heldout)
    change = trade.score_after / trade.score_before - 1
    run.report(
        int8_size_ratio=trade.size_ratio,
        int8_speed_ratio=trade.speed_ratio,
        int8_perplexity_change=change,
    )
    is_used = is_worth_it(trade)
    run.log(
        f"int8 weights take {trade.size_ratio:.0%} of the size, {trade.speed_ratio:.2f} times the "
        f"speed on a processor, and change the perplexity by {change:+.2%}: "
        f"{'used' if is_used else 'stored, not used'} for writing there."
    )
    return {"writes_from_int8": is_used}
