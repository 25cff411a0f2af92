"""A peer: what a customer writes with ``transformers``: a GPT-2 from scratch under its Trainer.

Byte-level BPE of our size, a network of our shape, AdamW at a good rate for it, cosine, warm-up.
"""

import math
import tempfile
from dataclasses import dataclass
from typing import Any

import torch
from tokenizers import ByteLevelBPETokenizer
from torch.nn import functional as F

from benchmarks.clocks import Clock
from benchmarks.language_text import Halves

_TRIED_STEPS = 6


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The shape of network and batch."""

    layers: int
    heads: int
    width: int
    context: int
    batch: int
    vocabulary: int


CPU = Setting(layers=4, heads=3, width=192, context=128, batch=16, vocabulary=2048)
GPU = Setting(layers=6, heads=5, width=320, context=256, batch=32, vocabulary=2048)


def train_hf(
    text: Halves, *, seconds: float, seed: int, device: str, setting: Setting
) -> tuple[float, int, float]:
    """Train for about so many seconds; give held-out nats a character, steps, and seconds.

    Reading the text and finding out how many steps fit are not on its clock.
    """
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(
        [text.learned], vocab_size=setting.vocabulary, show_progress=False
    )
    learned, heldout = (tokenizer.encode(part).ids for part in (text.learned, text.heldout))
    # Whatever the first call imports and warms up is not on the clock either.
    _train(learned, steps=1, seed=seed, device=device, setting=setting)
    spent: list[float] = []
    for steps in (1, 1 + _TRIED_STEPS):
        clock = Clock(device)
        _train(learned, steps=steps, seed=seed, device=device, setting=setting)
        spent.append(clock.passed_s)
    pace_s = (spent[1] - spent[0]) / _TRIED_STEPS
    fitting = max(2, 1 + round((seconds - spent[0]) / pace_s))
    clock = Clock(device)
    model = _train(learned, steps=fitting, seed=seed, device=device, setting=setting)
    passed_s = clock.passed_s
    loss = _heldout(model, torch.tensor(heldout, device=device), context=setting.context)
    return loss * len(heldout) / len(text.heldout), fitting, passed_s


def _train(ids: list[int], *, steps: int, seed: int, device: str, setting: Setting) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed
    from transformers.trainer_callback import PrinterCallback

    set_seed(seed)
    config = GPT2Config(
        vocab_size=setting.vocabulary,
        n_positions=setting.context,
        n_embd=setting.width,
        n_layer=setting.layers,
        n_head=setting.heads,
        bos_token_id=None,
        eos_token_id=None,
    )
    rows = [ids[at : at + setting.context] for at in range(0, len(ids), setting.context)][:-1]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=steps,
            per_device_train_batch_size=setting.batch,
            learning_rate=1e-3,
            lr_scheduler_type="cosine",
            warmup_steps=math.ceil(steps / 20),
            weight_decay=0.1,
            bf16=device != "cpu",
            use_cpu=device == "cpu",
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            seed=seed,
        )
        model = GPT2LMHeadModel(config)
        model.loss_type = "ForCausalLM"
        trainer = Trainer(
            model=model,
            args=arguments,
            train_dataset=[{"input_ids": row, "labels": row} for row in rows],  # type: ignore[arg-type]
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    return trainer.model


@torch.no_grad()
def _heldout(model: Any, ids: torch.Tensor, *, context: int) -> float:
    model.eval()
    losses = []
    for at in range(0, len(ids) - context, context):
        window = ids[at : at + context + 1]
        logits = model(input_ids=window[None, :-1]).logits[0]
        losses.append(F.cross_entropy(logits.float(), window[1:]))
    return float(torch.stack(losses).mean())
