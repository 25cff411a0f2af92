"""From a prompt or a conversation to its streamed text."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from modelmill_text_generation.asking import PredictParams
from modelmill_text_generation.sampling import Choice
from modelmill_text_generation.streaming import PieceDecoder, StopFilter
from modelmill_text_generation.writers import PLAIN_CHAT_STOP, Writer

if TYPE_CHECKING:
    from modelmill_sdk import PredictRun

    from modelmill_text_generation.asking import Input


def write(
    writer: Writer, asked: "Input", params: PredictParams, run: "PredictRun"
) -> Iterator[str]:
    """Yield a completion piece by piece, counting its tokens as they are made."""
    stop = list(params.stop)
    if asked.messages:
        ids = writer.encode_chat([message.model_dump() for message in asked.messages])
        stop += [] if writer.chats else [PLAIN_CHAT_STOP]
    else:
        ids = writer.encode(asked.prompt)
    run.count("tokens_in", len(ids) if asked.messages or asked.prompt else 0)
    run.finish_reason = "length"
    pieces, stops = PieceDecoder(writer.tokenizer, ids), StopFilter(stop)
    tokens = writer.tokens(ids, Choice(params, seed=run.seed))
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


def sample_text(writer: Writer, ids: list[int], *, max_tokens: int, seed: int) -> str:
    """Give a short text as the model writes now, for a customer to watch it learn."""
    pieces = PieceDecoder(writer.tokenizer, ids)
    text = ""
    tokens = writer.tokens(ids, Choice(PredictParams(), seed=seed))
    for _, token in zip(range(max_tokens), tokens, strict=False):
        if token in writer.end_ids:
            break
        text += pieces.piece(token)
    return text + pieces.rest()
