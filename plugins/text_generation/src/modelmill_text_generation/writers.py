"""A model ready to write, and its folder: a plain one that ``transformers`` opens."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from modelmill_sdk import CustomerError

from modelmill_text_generation.bases import is_adapted, is_adapter, load_adapter
from modelmill_text_generation.chat import Messages, has_template, render
from modelmill_text_generation.exports import load_int8
from modelmill_text_generation.networks import saved_model
from modelmill_text_generation.quiet import quiet_transformers
from modelmill_text_generation.sampling import Choice

SETTINGS = "modelmill.json"
_SPEAKERS = {"assistant": "Assistant", "user": "User", "tool": "Tool"}
# Where a model that knows no turns would go on to write the user's next one as well.
PLAIN_CHAT_STOP = "\nUser:"


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

    @property
    def pad_id(self) -> int:
        """What fills an unused place; it is never looked at."""
        return int(self.tokenizer.pad_token_id or min(self.end_ids, default=0))

    @property
    def chats(self) -> bool:
        """Whether it knows how conversations are written."""
        return has_template(self.tokenizer)

    def encode(self, prompt: str) -> list[int]:
        """Give a prompt's tokens. Raises CustomerError if it is longer than the context."""
        if not prompt:
            return self.begin_ids
        ids: list[int] = self.tokenizer(prompt)["input_ids"]
        self._check_length(ids, param="prompt")
        return ids or self.begin_ids

    def encode_chat(self, messages: Messages) -> list[int]:
        """Give a conversation's tokens, up to where the assistant begins to answer.

        Raises CustomerError if it is longer than the context, or none that the model can read.
        """
        text = render(messages, self.tokenizer, asks=True) if self.chats else _lines(messages)
        # A template writes the marks itself that a tokenizer puts before other texts.
        found = self.tokenizer(text, add_special_tokens=not self.chats)
        ids: list[int] = found["input_ids"]
        self._check_length(ids, param="messages")
        return ids

    @torch.inference_mode()
    def tokens(self, ids: list[int], choice: Choice) -> Iterator[int]:
        """Yield tokens after ``ids`` without end, keeping keys and values of what was read.

        When the context is full, its older half is forgotten, and the writing goes on.
        """
        choice.read(ids)
        seen, fresh = list(ids), list(ids)
        past: dict[str, Any] = {}
        while True:
            fed = torch.tensor([fresh], device=self.model.device)
            output = self.model(input_ids=fed, use_cache=True, logits_to_keep=1, **past)
            token = choice.of(output.logits[0, -1])
            yield token
            seen.append(token)
            # Its name changed in the course of transformers 5.
            name = "cache" if "cache" in output else "past_key_values"
            past, fresh = {name: output[name]}, [token]
            if len(seen) > self.context:
                seen = seen[-(self.context // 2 or 1) :]
                past, fresh = {}, seen

    def _check_length(self, ids: list[int], *, param: str) -> None:
        if len(ids) > self.context:
            what = "prompt" if param == "prompt" else "conversation"
            raise CustomerError(
                f"The {what} has {len(ids):,} tokens; this model reads at most {self.context:,}.",
                param=param,
            )


def save_writer(folder: Path, writer: Writer, **settings: Any) -> None:
    """Save a model as a folder that ``transformers`` opens, in safetensors and JSON."""
    quiet_transformers()
    folder.mkdir(parents=True, exist_ok=True)
    if is_adapted(writer.model):
        # Without this peft asks the network whether the base is known there.
        writer.model.save_pretrained(folder, save_embedding_layers=False)
    else:
        writer.model.save_pretrained(folder)
    # The chat template inside the tokenizer's JSON rather than in a file of its own.
    writer.tokenizer.save_pretrained(folder, save_jinja_files=False)
    settings = {"begin_ids": writer.begin_ids, **settings}
    (folder / SETTINGS).write_text(json.dumps(settings), encoding="utf-8")


def load_writer(folder: Path, device: str) -> Writer:
    """Open a saved folder: no download, no pickle, no code from it."""
    from transformers import AutoTokenizer

    quiet_transformers()
    settings = json.loads((folder / SETTINGS).read_text(encoding="utf-8"))
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    if is_adapter(folder):
        model: Any = load_adapter(folder, base=settings["base"]).to(dtype)
    else:
        model = saved_model(folder, dtype=dtype)
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    if settings.get("writes_from_int8") and device == "cpu":
        load_int8(model, folder)
    return Writer.of(model.to(device).eval(), tokenizer, begin_ids=settings["begin_ids"])


def _lines(messages: Messages) -> str:
    lines = [f"{_SPEAKERS.get(turn['role'], 'System')}: {turn['content']}" for turn in messages]
    return "\n".join([*lines, "Assistant:"])
