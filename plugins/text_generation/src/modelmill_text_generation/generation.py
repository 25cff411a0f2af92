"""From a prompt to text: the model's tokens one by one, with its past kept."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from modelmill_sdk import CustomerError
from torch import Tensor

from modelmill_text_generation.quiet import quiet_transformers
from modelmill_text_generation.streaming import PieceDecoder, StopFilter

if TYPE_CHECKING:
    from modelmill_sdk import PredictRun

    from modelmill_text_generation.params import PredictParams

_SETTINGS = "modelmill.json"


@dataclass(frozen=True, kw_only=True)
class Writer:
    """A model ready to write, with its tokenizer and its limits."""

    model: Any
    tokenizer: Any
    context: int
    begin_ids: list[int]
    end_ids: frozenset[int]

    @classmethod
    def of(cls, model: Any, tokenizer: Any, *, begin_ids: list[int]) -> "Writer":
        """Take the limits from the model's own configuration."""
        ends = model.generation_config.eos_token_id
        ends = ends if isinstance(ends, list) else [ends, tokenizer.eos_token_id]
        return cls(
            model=model,
            tokenizer=tokenizer,
            context=int(model.config.max_position_embeddings),
            begin_ids=begin_ids or [0],
            end_ids=frozenset(int(end) for end in ends if end is not None),
        )

    def encode(self, prompt: str) -> list[int]:
        """Give a prompt's tokens. Raises CustomerError if it is longer than the context."""
        if not prompt:
            return self.begin_ids
        ids: list[int] = self.tokenizer(prompt)["input_ids"]
        if len(ids) > self.context:
            raise CustomerError(
                f"The prompt has {len(ids):,} tokens; this model reads at most {self.context:,}.",
                param="prompt",
            )
        return ids or self.begin_ids

    @torch.inference_mode()
    def tokens(self, ids: list[int], choice: "Choice") -> Iterator[int]:
        """Yield tokens after ``ids`` without end, keeping keys and values of what was read.

        When the context is full, its older half is forgotten, and the writing goes on.
        """
        seen, fresh, past = list(ids), list(ids), None
        while True:
            fed = torch.tensor([fresh], device=self.model.device)
            output = self.model(
                input_ids=fed, past_key_values=past, use_cache=True, logits_to_keep=1
            )
            token = choice.of(output.logits[0, -1])
            yield token
            seen.append(token)
            past, fresh = output.past_key_values, [token]
            if len(seen) > self.context:
                seen = seen[-(self.context // 2 or 1) :]
                past, fresh = None, seen


class Choice:
    """How the next token is drawn; the same seed draws the same on any device."""

    def __init__(self, *, temperature: float, top_p: float, seed: int | None) -> None:
        """Take temperature 0 for the likeliest token always, and no seed for a fresh one."""
        self.temperature, self.top_p = temperature, top_p
        self._generator = torch.Generator()
        if seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(seed % 2**63)

    def of(self, logits: Tensor) -> int:
        """Choose from ``(V,)`` logits."""
        logits = logits.float().cpu()
        if self.temperature == 0:
            return int(logits.argmax())
        shares, order = torch.softmax(logits / self.temperature, dim=-1).sort(
            descending=True, stable=True
        )
        # A token stays if those before it do not yet make up top_p; so the first always stays.
        shares[shares.cumsum(-1) - shares >= self.top_p] = 0
        return int(order[torch.multinomial(shares, 1, generator=self._generator)])


def write(writer: Writer, prompt: str, params: "PredictParams", run: "PredictRun") -> Iterator[str]:
    """Yield a completion piece by piece, counting its tokens as they are made."""
    ids = writer.encode(prompt)
    choice = Choice(temperature=params.temperature, top_p=params.top_p, seed=run.seed)
    pieces, stops = PieceDecoder(writer.tokenizer, ids), StopFilter(params.stop)
    run.count("tokens_in", len(ids) if prompt else 0)
    run.finish_reason = "length"
    tokens = writer.tokens(ids, choice)
    for _ in range(params.max_tokens):
        token = next(tokens)
        run.count("tokens_out", 1)
        if token in writer.end_ids:
            run.finish_reason = "stop"
            break
        text = stops.passed(pieces.piece(token))
        if text:
            yield text
        if stops.has_stopped:
            run.finish_reason = "stop"
            return
    rest = stops.passed(pieces.rest()) + stops.rest()
    if stops.has_stopped:
        run.finish_reason = "stop"
    if rest:
        yield rest


def sample_text(writer: Writer, prompt: str, *, max_tokens: int, seed: int) -> str:
    """Give a short text as the model writes now, for a customer to watch it learn."""
    ids = writer.encode(prompt)
    choice = Choice(temperature=0.8, top_p=0.95, seed=seed)
    pieces = PieceDecoder(writer.tokenizer, ids)
    text = ""
    for _, token in zip(range(max_tokens), writer.tokens(ids, choice), strict=False):
        if token in writer.end_ids:
            break
        text += pieces.piece(token)
    return text + pieces.rest()


def save_writer(folder: Path, writer: Writer) -> None:
    """Save a model as a folder that ``transformers`` opens, in safetensors and JSON."""
    quiet_transformers()
    folder.mkdir(parents=True, exist_ok=True)
    writer.model.save_pretrained(folder)
    writer.tokenizer.save_pretrained(folder)
    (folder / _SETTINGS).write_text(json.dumps({"begin_ids": writer.begin_ids}), encoding="utf-8")


def load_writer(folder: Path, device: str) -> Writer:
    """Open a saved folder: no download, no pickle, no code from it."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    quiet_transformers()
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=dtype
    )
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    settings = json.loads((folder / _SETTINGS).read_text(encoding="utf-8"))
    return Writer.of(model.to(device).eval(), tokenizer, begin_ids=settings["begin_ids"])
