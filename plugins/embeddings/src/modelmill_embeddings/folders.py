"""Encoders as folders: which of the operator's are fit, how one says it pools, and a tiny one.

The files beside the weights are those of ``sentence-transformers``; a plain encoder of
``transformers`` has none, and is pooled by the mean.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modelmill_sdk import Installed
from modelmill_sdk.bases import base_folder, base_json, base_names

# Encoders by the name that ``transformers`` gives their family; decoders do not read both ways.
FAMILIES = frozenset(
    {"bert", "roberta", "xlm-roberta", "distilbert", "mpnet", "electra", "albert", "nomic_bert"}
    | {"camembert", "deberta", "deberta-v2", "modernbert", "new", "xlm-roberta-xl"}
)
_FALLBACK_TOKENS = 512


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How a folder's encoder is to be read: which tokens make the vector, and how many at most."""

    pooling: str
    max_tokens: int


def encoders_installed() -> list[Installed]:
    """List the base models that embed: those of a known family whose weights are safetensors."""
    return [
        Installed(folder=name, title=name, description=_described(base_folder(name)))
        for name in base_names()
        if _embeds(base_folder(name))
    ]


def reading_of(folder: Path) -> Reading:
    """Read how the encoder in a folder pools, and how much it reads."""
    pooling = base_json(folder / "1_Pooling" / "config.json")
    config = base_json(folder / "config.json")
    positions = config.get("max_position_embeddings", _FALLBACK_TOKENS)
    # RoBERTa and its kin keep two positions for themselves.
    if "roberta" in str(config.get("model_type")) and isinstance(positions, int):
        positions -= 2
    sentences = base_json(folder / "sentence_bert_config.json").get("max_seq_length")
    lengths = [one for one in (positions, sentences) if isinstance(one, int) and one > 0]
    return Reading(pooling=_pooling(pooling), max_tokens=min(lengths, default=_FALLBACK_TOKENS))


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
    config = base_json(folder / "config.json")
    # A sorted folder of weights alone says nothing; one that classifies says so by its name.
    architectures = " ".join(map(str, config.get("architectures") or ["Model"]))
    is_encoder = config.get("model_type") in FAMILIES and "Classification" not in architectures
    return is_encoder and any(folder.glob("*.safetensors"))


def _pooling(config: dict[str, object]) -> str:
    if config.get("pooling_mode_cls_token"):
        return "cls"
    return "max" if config.get("pooling_mode_max_tokens") else "mean"


def _described(folder: Path) -> str:
    config, reading = base_json(folder / "config.json"), reading_of(folder)
    return (
        f"{config.get('model_type')}, {config.get('hidden_size')} dimensions, "
        f"reads {reading.max_tokens} tokens, pooled by {reading.pooling}"
    )
