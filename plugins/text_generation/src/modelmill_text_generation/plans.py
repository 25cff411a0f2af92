"""What a training will do: the customer's settings, with what they left open settled."""

from dataclasses import dataclass

from modelmill_text_generation.params import TrainParams

_MEASUREMENTS = 20
_SAMPLES = 6
# Tokens to learn from in a training whose length was left open. A CPU core learns some 5,000 a
# second with a tiny model; a current GPU a hundred times as many.
_CPU_TOKENS = 1_500_000
_CUDA_TOKENS = 200_000_000
_SCRATCH_ROUNDS = 12
_TUNING_ROUNDS = 3
_MIN_STEPS = 60


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The settled course of one training; a resumed one keeps the plan it began with."""

    steps: int
    batch: int
    context: int
    learning_rate: float
    warmup: int
    measure_every: int
    measure_tokens: int
    sample_every: int

    @property
    def tokens_per_step(self) -> int:
        """How many tokens one step learns from."""
        return self.batch * self.context


def settle_plan(
    params: TrainParams, *, device: str, token_count: int, base_context: int | None
) -> Plan:
    """Settle what was left at 0 by method, machine and amount of text.

    ``base_context`` is how far a base model sees, None for a new model.
    """
    on_cuda = device.startswith("cuda")
    context = settle_context(params, on_cuda=on_cuda, base_context=base_context)
    # At least four windows, so that there is something to shuffle.
    context = max(2, min(context, token_count // 4))
    per_step = 32_768 if on_cuda else 2_048
    batch = params.batch or max(1, per_step // context)
    steps = params.steps or _steps_for(
        params.method, on_cuda=on_cuda, token_count=token_count, tokens_per_step=batch * context
    )
    measure_every = max(1, steps // _MEASUREMENTS)
    return Plan(
        steps=steps,
        batch=batch,
        context=context,
        learning_rate=params.learning_rate or _learning_rate(params),
        warmup=max(1, steps // 20),
        measure_every=measure_every,
        # A forward pass costs a third of a step, so measuring takes some 3 % of the time.
        measure_tokens=max(4_096, measure_every * batch * context // 10),
        sample_every=max(1, steps // _SAMPLES),
    )


def settle_context(params: TrainParams, *, on_cuda: bool, base_context: int | None) -> int:
    """Choose how many tokens the model sees at once, never more than a base model can."""
    context = params.context or (512 if on_cuda else 128)
    return min(context, base_context) if base_context else context


def _steps_for(method: str, *, on_cuda: bool, token_count: int, tokens_per_step: int) -> int:
    rounds = _SCRATCH_ROUNDS if method == "scratch" else _TUNING_ROUNDS
    most = _CUDA_TOKENS if on_cuda else _CPU_TOKENS
    return max(_MIN_STEPS, min(rounds * token_count, most) // tokens_per_step)


def _learning_rate(params: TrainParams) -> float:
    if params.method == "full":
        return 5e-5
    if params.method == "lora":
        return 3e-4
    return 6e-3 if params.optimizer == "muon" else 3e-3
