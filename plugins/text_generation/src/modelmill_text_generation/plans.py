"""What a training will do: the customer's settings, with what they left open settled."""

from dataclasses import dataclass

from modelmill_text_generation.params import TrainParams

_MEASUREMENTS = 20
# The least that says something of a model.
_MEASURED_TOKENS = 4_096
_SAMPLES = 6
# Tokens to learn from in a training whose length was left open. A CPU core learns some 5,000 a
# second with a tiny model; a current GPU a hundred times as many.
_CPU_TOKENS = 1_500_000
_CUDA_TOKENS = 2_000_000_000
# Tokens of text from which a larger model is worth its time on a GPU.
_CUDA_SIZES = ((100_000, "tiny"), (3_000_000, "small"), (100_000_000, "medium"))
# Dropout by how often the text is read: repeats teach by heart sooner than they tire.
_DROPOUTS = ((3, 0.0), (6, 0.1), (12, 0.2))
_MOST_DROPOUT = 0.3
# Of it, what attention drops. On tiny Shakespeare it took 0.007 nats off a character.
_ATTENTION_SHARE = 1 / 3
# From this dropout on, a text that is small enough is cut into other tokens for each round.
_REDRAWN_FROM = 0.2
_REDRAWN_TOKENS = 5_000_000
_SCRATCH_ROUNDS = 12
# A GPU has the time to read a small text more often, which pays as long as dropout rises with it.
_CUDA_ROUNDS = 24
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
    size: str
    dropout: float
    attention_dropout: float = 0.0
    is_redrawn: bool = False

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
    batch = params.batch or max(1, _tokens_per_step(token_count, on_cuda=on_cuda) // context)
    steps = params.steps or _steps_for(
        params.method, on_cuda=on_cuda, token_count=token_count, tokens_per_step=batch * context
    )
    # Not more often than learning pays for: a short training of small steps measures a few times.
    worth_steps = -(-_MEASURED_TOKENS // (batch * context))
    dropout = params.dropout or _dropout(steps * batch * context / token_count)
    measure_every = max(1, min(steps, max(steps // _MEASUREMENTS, worth_steps)))
    return Plan(
        steps=steps,
        batch=batch,
        context=context,
        learning_rate=params.learning_rate or _learning_rate(params),
        warmup=max(1, steps // 20),
        measure_every=measure_every,
        # A forward pass costs a third of a step, so measuring takes some 3 % of the time.
        measure_tokens=max(_MEASURED_TOKENS, measure_every * batch * context // 10),
        sample_every=max(1, steps // _SAMPLES),
        size=_size(params, on_cuda=on_cuda, token_count=token_count),
        dropout=dropout,
        attention_dropout=dropout * _ATTENTION_SHARE,
        is_redrawn=dropout >= _REDRAWN_FROM and token_count <= _REDRAWN_TOKENS,
    )


def settle_context(params: TrainParams, *, on_cuda: bool, base_context: int | None) -> int:
    """Choose how many tokens the model sees at once, never more than a base model can."""
    on_gpu = 256 if params.method == "scratch" else 512
    context = params.context or (on_gpu if on_cuda else 128)
    return min(context, base_context) if base_context else context


def _tokens_per_step(token_count: int, *, on_cuda: bool) -> int:
    """Choose how many tokens a step reads: little text needs many steps more than large ones."""
    if not on_cuda:
        return 2_048
    return 8_192 if token_count < 2_000_000 else 32_768


def _size(params: TrainParams, *, on_cuda: bool, token_count: int) -> str:
    if params.size != "auto":
        return params.size
    if not on_cuda:
        return "tiny"
    return next((size for below, size in _CUDA_SIZES if token_count < below), "large")


def _dropout(rounds: float) -> float:
    return next((share for most, share in _DROPOUTS if rounds <= most), _MOST_DROPOUT)


def _steps_for(method: str, *, on_cuda: bool, token_count: int, tokens_per_step: int) -> int:
    most = _CUDA_TOKENS if on_cuda else _CPU_TOKENS
    is_small = token_count <= _REDRAWN_TOKENS
    rounds = _CUDA_ROUNDS if on_cuda and is_small else _SCRATCH_ROUNDS
    if method != "scratch":
        rounds = _TUNING_ROUNDS
    return max(_MIN_STEPS, min(rounds * token_count, most) // tokens_per_step)


def _learning_rate(params: TrainParams) -> float:
    if params.method == "full":
        return 5e-5
    if params.method == "lora":
        return 3e-4
    return 6e-3 if params.optimizer == "muon" else 3e-3
