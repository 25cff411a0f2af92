"""The encoder itself: texts to vectors of length one.

Pooled and normalised as in Reimers and Gurevych, "Sentence-BERT", EMNLP 2019. No download, no
pickle, no code from the folder.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from modelmill_sdk import CustomerError, PluginError

from modelmill_embeddings.folders import Reading, reading_of

# More digits than a float of 32 bits has would only be longer.
_DIGITS = 7
# Of tokens, the padding counted: a batch of long texts is worked on in parts.
_PART_TOKENS = 8_192


@dataclass(frozen=True)
class Encoder:
    """A loaded encoder with its tokenizer."""

    model: Any
    tokenizer: Any
    reading: Reading
    device: str

    def embed(self, texts: list[str], *, dimensions: int = 0) -> list[dict[str, Any]]:
        """Return for each text its ``embedding``, its ``tokens``, and whether it was cut off.

        Vectors have length one. ``dimensions`` keeps the first so many numbers of each, 0 all.
        Raises CustomerError for more dimensions than there are.
        """
        width = int(self.model.config.hidden_size)
        if dimensions > width:
            raise CustomerError(f"This model has {width} dimensions.", param="dimensions")
        most = self.reading.max_tokens
        read = self.tokenizer(texts, truncation=True, max_length=most)
        rows: list[list[int]] = read["input_ids"]
        found: dict[int, list[float]] = {}
        for part in _parts(rows):
            vectors = self._vectors([rows[at] for at in part])[:, : dimensions or width]
            lengths = vectors.norm(dim=1, keepdim=True).clamp_min(1e-12)
            found |= zip(part, (vectors / lengths).tolist(), strict=True)
        return [
            {
                "embedding": [float(f"{value:.{_DIGITS}g}") for value in found[at]],
                "tokens": len(row),
                "is_cut": len(row) == most and self._is_longer(texts[at], most),
            }
            for at, row in enumerate(rows)
        ]

    def _is_longer(self, text: str, most: int) -> bool:
        read = self.tokenizer(text, truncation=True, max_length=most + 1)
        return len(read["input_ids"]) > most

    @torch.inference_mode()
    def _vectors(self, rows: list[list[int]]) -> torch.Tensor:
        longest = max(map(len, rows))
        pad = self.tokenizer.pad_token_id or 0
        ids = torch.tensor([row + [pad] * (longest - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
        ids, mask = ids.to(self.device), mask.to(self.device)
        is_cuda = self.device.startswith("cuda")
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=is_cuda):
            states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        return _pooled(states.float(), mask, self.reading.pooling).cpu()


def encoder_open(folder: Path, device: str) -> Encoder:
    """Open the encoder in a folder. Raises PluginError when it cannot be."""
    from transformers import AutoModel, AutoTokenizer, logging

    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    reading = reading_of(folder)
    if not reading.pooling:
        raise PluginError(f"{folder.name} makes its vectors in a way that is not offered here.")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError, KeyError) as error:
        raise PluginError(f"The encoder in {folder.name} cannot be opened: {error}") from error
    return Encoder(model.to(device).eval(), tokenizer, reading, device)


def _parts(rows: list[list[int]]) -> list[list[int]]:
    """Group rows of like length into parts that fit the memory; give their places."""
    parts: list[list[int]] = []
    for at in sorted(range(len(rows)), key=lambda at: len(rows[at])):
        if parts and (len(parts[-1]) + 1) * len(rows[at]) <= _PART_TOKENS:
            parts[-1].append(at)
        else:
            parts.append([at])
    return parts


def _pooled(states: torch.Tensor, mask: torch.Tensor, pooling: str) -> torch.Tensor:
    """Make one vector (batch, width) of the states (batch, tokens, width)."""
    if pooling == "cls":
        return states[:, 0]
    kept = mask.unsqueeze(-1).bool()
    if pooling == "max":
        return states.masked_fill(~kept, float("-inf")).amax(dim=1)
    return states.masked_fill(~kept, 0).sum(dim=1) / mask.sum(dim=1, keepdim=True)
