"""All that a training needs before its first step: texts, tokenizer, tokens, plan, model."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from modelmill_sdk import CustomerError, seed_everything
from tokenizers import models
from torch import Tensor

from modelmill_text_generation.bases import add_adapters, load_base
from modelmill_text_generation.batches import Packs, Source, Windows
from modelmill_text_generation.chat import MARKERS, ensure_template
from modelmill_text_generation.checkpoints import TOKENIZER, State, read_state
from modelmill_text_generation.corpus import (
    Layout,
    Reading,
    Rows,
    begin_ids,
    encode_rows,
    hold_out,
    layout_of,
    read_rows,
    text_of,
)
from modelmill_text_generation.networks import (
    SHAPES,
    add_attention_dropout,
    add_dropout,
    keeps_apart,
    new_model,
)
from modelmill_text_generation.plans import Plan, settle_plan
from modelmill_text_generation.problems import too_little_text
from modelmill_text_generation.quantized import frozen_bytes
from modelmill_text_generation.redrawing import Redrawing
from modelmill_text_generation.vocabularies import new_tokenizer
from modelmill_text_generation.writers import Writer

if TYPE_CHECKING:
    from pathlib import Path

    from modelmill_sdk import TrainRun

_MIN_TOKENS = 16


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a training works with."""

    tokenizer: Any
    model: Any
    plan: Plan
    begin_ids: list[int]
    layout: Layout
    learned: Source
    heldout: Source
    heldout_reading: Reading

    def writer(self, model: Any) -> Writer:
        """Let a model, whole or still with adapters, write with this tokenizer."""
        return Writer.of(model, self.tokenizer, begin_ids=self.begin_ids)


def prepare(run: "TrainRun") -> tuple[Prepared, State]:
    """Read the data and make or load the model, anew or as a checkpoint left it.

    Raises CustomerError if there is too little text or no such base model.
    """
    params = run.params
    torch.set_num_threads(run.threads)
    if run.device.startswith("cuda"):
        torch.set_float32_matmul_precision("high")
    seed_everything(run.seed)
    model, tokenizer = _base(run)
    rows = read_rows(run.data, "train")
    layout = _layout(run, rows)
    if tokenizer is None:
        tokenizer = _tokenizer(run, rows, layout)
    if layout.is_chat:
        ensure_template(tokenizer)
    learned, heldout, is_all_learned = _readings(run, rows, tokenizer, layout)
    base_context = None if model is None else int(model.config.max_position_embeddings)
    plan, state = _plan(run, learned.token_count, base_context=base_context)
    model = _model(run, model, tokenizer, plan)
    redrawn = None
    if is_all_learned and plan.is_redrawn and _can_redraw(run, tokenizer, layout):
        redrawn = Redrawing(rows, tokenizer, layout=layout, seed=run.seed).at
        run.log("The text is cut into other tokens for each round, since it is read many times.")
    sources = [
        source_of(
            reading,
            model,
            context=plan.context,
            batch=plan.batch,
            pad_id=int(tokenizer.pad_token_id or tokenizer.eos_token_id or 0),
            seed=run.seed,
            packed=params.pack,
            redrawn=redrawn if reading is learned else None,
        )
        for reading in (learned, heldout)
    ]
    if isinstance(sources[0], Packs):
        run.log(sources[0].described)
    prepared = Prepared(
        tokenizer=tokenizer,
        model=model,
        plan=plan,
        begin_ids=begin_ids(tokenizer, layout),
        layout=layout,
        learned=sources[0],
        heldout=sources[1],
        heldout_reading=heldout,
    )
    return prepared, state


def source_of(
    reading: Reading,
    model: Any,
    *,
    context: int,
    batch: int,
    pad_id: int,
    seed: int = 0,
    packed: bool = True,
    redrawn: Callable[[int], Tensor] | None = None,
) -> Source:
    """Give what a model learns from, or is measured on."""
    if reading.run is not None:
        return Windows(reading.run, context=context, batch=batch, seed=seed, redrawn=redrawn)
    return Packs(
        reading.examples,
        context=context,
        batch=batch,
        seed=seed,
        pad_id=pad_id,
        packed=packed,
        apart=keeps_apart(model),
    )


def _base(run: "TrainRun") -> tuple[Any, Any]:
    params = run.params
    if params.method == "scratch":
        return None, None
    is_int8 = params.method == "lora" and params.base_weights == "int8"
    return load_base(params.base, is_int8=is_int8)


def _layout(run: "TrainRun", rows: Rows) -> Layout:
    texts = [text_of(row) for row in rows]
    complaint = too_little_text(texts, method=run.params.method)
    if complaint is not None:
        raise CustomerError(f"{complaint.reason} {complaint.fix}")
    return layout_of(texts, rows=run.params.rows, kind=run.data.kind)


def _tokenizer(run: "TrainRun", rows: Rows, layout: Layout) -> Any:
    from transformers import PreTrainedTokenizerFast

    saved: Path = (run.resume_from or run.workdir) / TOKENIZER
    if run.resume_from is None:
        made = new_tokenizer(
            [text_of(row) for row in rows],
            kind=run.params.tokenizer,
            vocabulary=run.params.vocabulary,
            marks=MARKERS if layout.is_chat else (),
        )
        made.save_pretrained(saved, save_jinja_files=False)
    # Read back even when new: a tokenizer that was read is stored a little otherwise, and a
    # resumed training has to leave the same files as one that was not interrupted.
    return PreTrainedTokenizerFast.from_pretrained(saved, local_files_only=True)


def _readings(
    run: "TrainRun", rows: Rows, tokenizer: Any, layout: Layout
) -> tuple[Reading, Reading, bool]:
    """Give what is learned, what is held out, and whether all of ``rows`` are learned."""
    learned = encode_rows(rows, tokenizer, layout=layout)
    heldout = encode_rows(read_rows(run.data, "validation"), tokenizer, layout=layout)
    brings_heldout = heldout.learned_count > 0
    if not brings_heldout:
        learned, heldout = hold_out(learned, tokenizer)
    if learned.token_count < _MIN_TOKENS or heldout.token_count < 2 or not learned.learned_count:
        raise CustomerError("There is too little text to learn from. Add more text.")
    return learned, heldout, brings_heldout


def _can_redraw(run: "TrainRun", tokenizer: Any, layout: Layout) -> bool:
    is_pairs = isinstance(tokenizer.backend_tokenizer.model, models.BPE)
    return run.params.method == "scratch" and is_pairs and not layout.is_documents


def _plan(run: "TrainRun", token_count: int, *, base_context: int | None) -> tuple[Plan, State]:
    if run.resume_from is not None:
        state = read_state(run.resume_from)
        return Plan(**state.plan), state
    plan = settle_plan(
        run.params, device=run.device, token_count=token_count, base_context=base_context
    )
    if 0 < plan.context < run.params.context:
        run.log(f"The context is {plan.context} tokens: the text or the base allows no more.")
    run.log(
        f"Settled: {plan.steps} steps of {plan.batch} × {plan.context} tokens, learning rate "
        f"{plan.learning_rate:g}"
        + (f", size {plan.size}, dropout {plan.dropout:g}." if base_context is None else ".")
    )
    return plan, State(plan=asdict(plan))


def _model(run: "TrainRun", base: Any, tokenizer: Any, plan: Plan) -> Any:
    params = run.params
    if base is None:
        model: Any = new_model(
            SHAPES[plan.size],
            vocabulary=len(tokenizer),
            context=plan.context,
            end_id=tokenizer.eos_token_id,
        )
        add_dropout(model, plan.dropout)
        add_attention_dropout(model, plan.attention_dropout)
        return model
    if params.method == "lora":
        model = add_adapters(base, rank=params.lora_rank, dropout=params.dropout)
        base_mib = frozen_bytes(model) / 2**20
        run.log(f"The base takes {base_mib:,.1f} MiB of memory ({params.base_weights}).")
        run.report(base_mib=base_mib)
        return model
    return base
