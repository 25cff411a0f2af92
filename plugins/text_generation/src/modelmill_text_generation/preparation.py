"""All that a training needs before its first step: texts, tokenizer, tokens, plan, model."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from modelmill_sdk import CustomerError, seed_everything

from modelmill_text_generation.bases import add_adapters, load_base
from modelmill_text_generation.checkpoints import TOKENIZER, State, read_state
from modelmill_text_generation.corpus import (
    Corpus,
    Layout,
    join_texts,
    layout_of,
    make_corpus,
    read_texts,
)
from modelmill_text_generation.generation import Writer
from modelmill_text_generation.networks import SHAPES, add_dropout, new_model
from modelmill_text_generation.plans import Plan, settle_plan
from modelmill_text_generation.problems import too_little_text
from modelmill_text_generation.vocabularies import new_tokenizer

if TYPE_CHECKING:
    from pathlib import Path

    from modelmill_sdk import TrainRun

_MIN_TOKENS = 16


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What a training works with."""

    tokenizer: Any
    model: Any
    corpus: Corpus
    plan: Plan
    begin_ids: list[int]

    def writer(self, model: Any) -> Writer:
        """Let a model, whole or still with adapters, write with this tokenizer."""
        return Writer.of(model, self.tokenizer, begin_ids=self.begin_ids)


def prepare(run: "TrainRun") -> tuple[Prepared, State]:
    """Read the data and make or load the model, anew or as a checkpoint left it.

    Raises CustomerError if there is too little text or no such base model.
    """
    params = run.params
    torch.set_num_threads(run.threads)
    seed_everything(run.seed)
    is_new = params.method == "scratch"
    model, tokenizer = (None, None) if is_new else load_base(params.base)
    learned = read_texts(run.data, "train", tokenizer=tokenizer)
    heldout = read_texts(run.data, "validation", tokenizer=tokenizer)
    complaint = too_little_text(learned, method=params.method)
    if complaint is not None:
        raise CustomerError(f"{complaint.reason} {complaint.fix}")
    layout = layout_of(learned, rows=params.rows, kind=run.data.kind)
    learned, heldout = join_texts(learned, layout), join_texts(heldout, layout)
    if tokenizer is None:
        tokenizer = _tokenizer(run, learned)
    end_id = tokenizer.eos_token_id
    corpus = make_corpus(learned, heldout, tokenizer, layout=layout, end_id=end_id)
    if len(corpus.learned) < _MIN_TOKENS or len(corpus.heldout) < 2:
        raise CustomerError("There is too little text to learn from. Add more text.")
    base_context = None if model is None else int(model.config.max_position_embeddings)
    plan, state = _plan(run, corpus, base_context=base_context)
    if model is None:
        model = new_model(
            SHAPES[params.size], vocabulary=len(tokenizer), context=plan.context, end_id=end_id
        )
        add_dropout(model, params.dropout)
    elif params.method == "lora":
        model = add_adapters(model, rank=params.lora_rank, dropout=params.dropout)
    prepared = Prepared(
        tokenizer=tokenizer,
        model=model,
        corpus=corpus,
        plan=plan,
        begin_ids=_begin_ids(tokenizer, layout),
    )
    return prepared, state


def _tokenizer(run: "TrainRun", texts: list[str]) -> Any:
    from transformers import PreTrainedTokenizerFast

    if run.resume_from is not None:
        saved: Path = run.resume_from / TOKENIZER
        return PreTrainedTokenizerFast.from_pretrained(saved, local_files_only=True)
    return new_tokenizer(texts, kind=run.params.tokenizer, vocabulary=run.params.vocabulary)


def _plan(run: "TrainRun", corpus: Corpus, *, base_context: int | None) -> tuple[Plan, State]:
    if run.resume_from is not None:
        state = read_state(run.resume_from)
        return Plan(**state.plan), state
    plan = settle_plan(
        run.params,
        device=run.device,
        token_count=len(corpus.learned),
        base_context=base_context,
    )
    if 0 < plan.context < run.params.context:
        run.log(f"The context is {plan.context} tokens: the text or the base allows no more.")
    return plan, State(plan=asdict(plan))


def _begin_ids(tokenizer: Any, layout: Layout) -> list[int]:
    """Give what a text without a prompt begins after: an end of text, or a break in it."""
    if layout.is_documents and tokenizer.eos_token_id is not None:
        return [int(tokenizer.eos_token_id)]
    ids: list[int] = tokenizer(layout.opening)["input_ids"]
    return ids
