"""Base models: checkpoint folders that the operator installs for customers to fine-tune."""

from pathlib import Path
from typing import Any

from modelmill_sdk import PluginError
from modelmill_sdk.bases import base_folder, base_names


def load_base(name: str, *, is_int8: bool = False) -> tuple[Any, Any]:
    """Load a base model and its tokenizer: no download, no pickle, no code from the folder.

    ``is_int8`` makes its linear layers int8, from weights as they are stored.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from modelmill_text_generation.quantized import quantize_base
    from modelmill_text_generation.quiet import quiet_transformers

    quiet_transformers()
    folder = base_folder(name)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            local_files_only=True,
            use_safetensors=True,
            dtype="auto" if is_int8 else torch.float32,
        )
    except (OSError, ValueError, KeyError) as error:
        raise PluginError(f"The base model {name!r} cannot be loaded: {error}") from error
    if is_int8:
        quantize_base(model)
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
    from modelmill_text_generation.quantized import dequantize_base

    if not is_adapted(model):
        return model
    dequantize_base(model)
    return model.merge_and_unload()


def name_base(model: Any, base: str) -> None:
    """Let adapters that are saved alone name their base, and not the operator's folder."""
    for config in model.peft_config.values():
        config.base_model_name_or_path = base


def is_adapted(model: Any) -> bool:
    """Say whether a model has adapters that are not merged in."""
    return hasattr(model, "merge_and_unload")


def is_adapter(folder: Path) -> bool:
    """Say whether a model's folder holds adapters alone."""
    return (folder / "adapter_config.json").exists()


def load_adapter(folder: Path, *, base: str) -> Any:
    """Load a base model with the adapters in a folder merged in.

    Raises PluginError where the operator took the base away.
    """
    from peft import PeftModel

    if base not in base_names():
        raise PluginError(f"This model needs the base model {base!r}; install it again.")
    model, _ = load_base(base)
    return merge_adapters(PeftModel.from_pretrained(model, folder))
