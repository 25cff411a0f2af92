"""Encoders as folders: which of the operator's are fit, how one says it pools, and a tiny one.

The files beside the weights are those of ``sentence-transformers``; a plain encoder of
``transformers`` has none, and is pooled by the mean.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelmill_sdk import Installed, LeftOut
from modelmill_sdk.bases import base_folders, base_json, base_refusal, bases_left_out
from modelmill_sdk.manifest import INSTALLED_PATTERN

# Encoders by the name that ``transformers`` gives their family; decoders do not read both ways.
FAMILIES = frozenset(
    {"bert", "roberta", "xlm-roberta", "distilbert", "mpnet", "electra", "albert"}
    | {"camembert", "deberta", "deberta-v2", "modernbert", "xlm-roberta-xl"}
)
# Why an encoder is left out, for the operator; the cockpit has both in its languages.
ODD_VECTORS = "It makes its vectors in a way that is not done here: use one that pools plainly."
ODD_NAME = "Its name cannot be typed: rename the folder with letters, digits, dots and hyphens."
_FALLBACK_TOKENS = 512
# The steps of ``sentence-transformers`` that are kept to; a layer after them would be left out.
_STEPS = frozenset({"Transformer", "Pooling", "Normalize"})
_POOLINGS = {"mean_tokens": "mean", "cls_token": "cls", "max_tokens": "max"}


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a folder's encoder is to be read: which tokens make the vector, and how many at most.

    ``pooling`` is empty where the folder asks for what is not done here.
    """

    pooling: str
    max_tokens: int


def encoders_installed() -> list[Installed]:
    """List the base models that embed: those of a known family whose weights are safetensors."""
    return [
        Installed(folder=folder.name, title=folder.name, description=_described(folder))
        for folder in base_folders()
        if _embeds(folder)
    ]


def encoders_left_out() -> list[LeftOut]:
    """List the encoders among the base models that are not offered, and why."""
    odd = [
        LeftOut(folder=folder.name, reason=reason)
        for folder in base_folders()
        if _is_encoder(base_json(folder / "config.json"))
        and not base_refusal(folder)
        and (reason := _oddity(folder))
    ]
    return [*bases_left_out(_is_encoder), *odd]


def reading_of(folder: Path) -> Reading:
    """Read how the encoder in a folder pools, and how much it reads."""
    config = base_json(folder / "config.json")
    positions = config.get("max_position_embeddings", _FALLBACK_TOKENS)
    # RoBERTa and its kin keep two positions for themselves.
    if "roberta" in str(config.get("model_type")) and isinstance(positions, int):
        positions -= 2
    sentences = base_json(folder / "sentence_bert_config.json").get("max_seq_length")
    lengths = [one for one in (positions, sentences) if isinstance(one, int) and one > 0]
    return Reading(pooling=_pooling(folder), max_tokens=min(lengths, default=_FALLBACK_TOKENS))


def tiny_write(folder: Path) -> Path:
    """Write an encoder of a few kilobytes that has learnt nothing, to try the plugin on."""
    import torch
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *map(chr, range(33, 127))]
    tokenizer = Tokenizer(models.WordLevel({one: at for at, one in enumerate(pieces)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]"}
    fast: Any = PreTrainedTokenizerFast
    fast(tokenizer_object=tokenizer, **special).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(pieces),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    BertModel(config).save_pretrained(folder)
    return folder


def _embeds(folder: Path) -> bool:
    is_encoder = _is_encoder(base_json(folder / "config.json"))
    return is_encoder and not base_refusal(folder) and not _oddity(folder)


def _is_encoder(config: dict[str, Any]) -> bool:
    # A sorted folder of weights alone says nothing; one that classifies says so by its name.
    architectures = " ".join(map(str, config.get("architectures") or ["Model"]))
    return config.get("model_type") in FAMILIES and "Classification" not in architectures


def _oddity(folder: Path) -> str:
    """Say why an encoder that could be opened is not offered; empty where it is."""
    if not reading_of(folder).pooling:
        return ODD_VECTORS
    # Customers type the folder's name, as a part of the model's.
    if not re.fullmatch(INSTALLED_PATTERN, folder.name):
        return ODD_NAME
    return ""


def _pooling(folder: Path) -> str:
    """Name how a folder wants to be pooled, the mean if it says nothing; empty for any other way.

    Vectors made in another way than the model was trained for would look right, and be wrong.
    """
    if not _steps(folder) <= _STEPS:
        return ""
    config = base_json(folder / "1_Pooling" / "config.json")
    # There is a switch for each; one that is named, as the class may be made with, is heeded too.
    named = config.get("pooling_mode")
    asked = (
        {str(named)}
        if named
        else {
            _POOLINGS.get(name.removeprefix("pooling_mode_"), "")
            for name, is_on in config.items()
            if name.startswith("pooling_mode_") and is_on
        }
    )
    only = next(iter(asked)) if len(asked) == 1 else ""
    return (only if only in _POOLINGS.values() else "") if asked else "mean"


def _steps(folder: Path) -> set[str]:
    try:
        steps = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
        return {str(step["type"]).rpartition(".")[2] for step in steps}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, TypeError, KeyError):
        return {"unreadable"}


def _described(folder: Path) -> str:
    config, reading = base_json(folder / "config.json"), reading_of(folder)
    return (
        f"{config.get('model_type')}, {config.get('hidden_size')} dimensions, "
        f"reads {reading.max_tokens} tokens, pooled by {reading.pooling}"
    )
