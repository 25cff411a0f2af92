"""Base models: checkpoint folders that the operator installs for customers to fine-tune."""

import os
from pathlib import Path
from typing import Any

from modelmill_sdk import CustomerError, PluginError

# Each subfolder with a config.json is one base model, named by the folder.
ROOT_VARIABLE = "MODELMILL_BASE_MODELS"


def base_names() -> list[str]:
    """Name the installed base models, in order; none where the operator set no folder."""
    root = os.environ.get(ROOT_VARIABLE, "")
    if not root or not Path(root).is_dir():
        return []
    return sorted(path.parent.name for path in Path(root).glob("*/config.json"))


def base_folder(name: str) -> Path:
    """Find an installed base model. Raises CustomerError, naming those there are."""
    names = base_names()
    # Membership of the listing, rather than a joined path, so that no name can climb out.
    if name in names:
        return Path(os.environ[ROOT_VARIABLE]) / name
    offer = f"Installed: {', '.join(names)}." if names else "No base model is installed here."
    said = f"There is no base model {name!r}." if name else "This method needs a base model."
    raise CustomerError(f"{said} {offer}", param="base")


def load_base(name: str) -> tuple[Any, Any]:
    """Load a base model and its tokenizer: no download, no pickle, no code from the folder."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from modelmill_text_generation.quiet import quiet_transformers

    quiet_transformers()
    folder = base_folder(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model = AutoModelForCausalLM.from_pretrained(
            folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
        )
    except (OSError, ValueError, KeyError) as error:
        raise PluginError(f"The base model {name!r} cannot be loaded: {error}") from error
    return model, tokenizer


def add_adapters(model: Any, *, rank: int, dropout: float) -> Any:
    """Freeze a model and give each of its linear layers a LoRA adapter (arXiv 2106.09685)."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank,
        lora_dropout=dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def merge_adapters(model: Any) -> Any:
    """Fold adapters into the weights, so that what is saved is a plain model."""
    return model.merge_and_unload() if hasattr(model, "merge_and_unload") else model
