"""The quality of a finished model, on text kept from its training."""

from typing import TYPE_CHECKING

import torch
from modelmill_sdk import CustomerError
from modelmill_sdk.learning.precision import Precision

from modelmill_text_generation.chat import ensure_template
from modelmill_text_generation.corpus import encode_rows, layout_of, read_rows, text_of
from modelmill_text_generation.heldout import heldout_loss, heldout_metrics
from modelmill_text_generation.preparation import source_of
from modelmill_text_generation.writers import load_writer

if TYPE_CHECKING:
    from modelmill_sdk import TrainRun

_MAX_TOKENS = 200_000
_MAX_CONTEXT = 1_024
_BATCH = 16


def evaluate_model(run: "TrainRun") -> dict[str, float]:
    """Measure the model in ``run.model_dir`` on the test split, or else the validation split.

    Raises CustomerError if neither has text.
    """
    writer = load_writer(run.model_dir, run.device)
    split = "test" if "test" in run.data else "validation"
    rows = read_rows(run.data, split)
    if not rows:
        raise CustomerError("There is no held-out text to measure on.")
    layout = layout_of([text_of(row) for row in rows], rows=run.params.rows, kind=run.data.kind)
    if layout.is_chat:
        ensure_template(writer.tokenizer)
    heldout = encode_rows(rows, writer.tokenizer, layout=layout)
    source = source_of(
        heldout,
        writer.model,
        context=min(writer.context, _MAX_CONTEXT, max(2, heldout.token_count - 1)),
        batch=_BATCH,
        pad_id=writer.pad_id,
    )
    kind = torch.device(run.device).type
    precision = Precision(kind, is_half=kind == "cuda")
    loss = heldout_loss(writer.model, source, max_tokens=_MAX_TOKENS, precision=precision)
    return heldout_metrics(loss, heldout)
