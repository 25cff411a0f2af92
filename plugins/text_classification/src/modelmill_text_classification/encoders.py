"""Base encoders of ``transformers``: opened, and stored again with their new last layer.

No download, no pickle, no code from a folder.
"""

from pathlib import Path
from typing import Any

import torch
from modelmill_sdk import PluginError
from modelmill_sdk.bases import base_folder

from modelmill_text_classification.networks import EncoderNetwork
from modelmill_text_classification.readers import PieceReader

_MODEL_FOLDER = "encoder"
_MAX_TOKENS = 512


def encoder_base(
    name: str, *, classes: int, max_tokens: int, dropout: float
) -> tuple[EncoderNetwork, PieceReader]:
    """Open a base model with a fresh last layer, and its tokenizer.

    Raises CustomerError if there is no such base, PluginError if it cannot be opened.
    """
    folder = base_folder(name)
    try:
        tokenizer = _tokenizer(folder)
        model = _model(folder, num_labels=classes, classifier_dropout=dropout)
    except (OSError, ValueError, KeyError) as error:
        raise PluginError(f"The base model {name!r} cannot be opened: {error}") from error
    reads = int(getattr(model.config, "max_position_embeddings", _MAX_TOKENS))
    # Some families keep two positions for themselves.
    reader = PieceReader(tokenizer, max_tokens=min(max_tokens, _MAX_TOKENS, max(8, reads - 2)))
    return EncoderNetwork(model, pad_id=reader.pad_id), reader


def encoder_save(network: EncoderNetwork, folder: Path) -> None:
    """Write the model as a folder that ``transformers`` opens."""
    _quiet()
    network.model.save_pretrained(folder / _MODEL_FOLDER)


def encoder_load(folder: Path, *, pad_id: int) -> EncoderNetwork:
    """Read what ``encoder_save`` wrote."""
    return EncoderNetwork(_model(folder / _MODEL_FOLDER), pad_id=pad_id)


def _model(folder: Path, **changes: Any) -> Any:
    from transformers import AutoModelForSequenceClassification

    _quiet()
    return AutoModelForSequenceClassification.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        ignore_mismatched_sizes=True,
        dtype=torch.float32,
        **changes,
    )


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


def _quiet() -> None:
    """Turn off progress bars, and the remark that a new layer is new."""
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
