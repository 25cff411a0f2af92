"""The quality of a finished model, on text kept from its training."""

from typing import TYPE_CHECKING

from modelmill_sdk import CustomerError

from modelmill_text_generation.corpus import join_texts, layout_of, make_corpus, read_texts
from modelmill_text_generation.generation import load_writer
from modelmill_text_generation.heldout import heldout_loss, heldout_metrics

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
    texts = read_texts(run.data, split, tokenizer=writer.tokenizer)
    if not texts:
        raise CustomerError("There is no held-out text to measure on.")
    layout = layout_of(texts, rows=run.params.rows, kind=run.data.kind)
    corpus = make_corpus(
        [],
        join_texts(texts, layout),
        writer.tokenizer,
        layout=layout,
        end_id=writer.tokenizer.eos_token_id,
    )
    loss = heldout_loss(
        writer.model,
        corpus.heldout,
        context=min(writer.context, _MAX_CONTEXT),
        batch=_BATCH,
        max_tokens=_MAX_TOKENS,
        autocast=run.device.startswith("cuda"),
    )
    return heldout_metrics(loss, corpus)
