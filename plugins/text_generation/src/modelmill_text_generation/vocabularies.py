"""Tokenizers learned from the customer's text."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

END = "<|endoftext|>"
UNKNOWN = "<|unknown|>"
# Below this a text has too few repeats for pieces of words to be worth learning.
MIN_CHARS_FOR_BPE = 100_000
MAX_CHARACTERS = 16_384
# A tokenizer learned from this much text is as good as one learned from all of it.
_MAX_CHARS_READ = 50_000_000
# Words with their leading space, numbers by up to three digits, punctuation, white space. Letters
# come at most 24 at a time: a script without spaces would make a "word" of every sentence.
_PATTERN = (
    r"'(?i:[sdmt]|ll|ve|re)(?!\p{L})| ?\p{L}{1,24}| ?\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+|\s*[\r\n]|\s+(?!\S)|\s+"
)


def new_tokenizer(
    texts: Sequence[str], *, kind: str, vocabulary: int = 0, marks: Sequence[str] = ()
) -> PreTrainedTokenizerFast:
    """Learn a tokenizer: "bpe" on bytes, "characters", or "auto" by the amount of text.

    ``vocabulary`` 0 chooses the size by the amount of text, too. Each of ``marks`` becomes one
    token, which no text that is read hides.
    """
    char_count = sum(map(len, texts))
    if kind == "auto":
        kind = "bpe" if char_count >= MIN_CHARS_FOR_BPE else "characters"
    if kind == "bpe":
        tokenizer = _byte_pairs(texts, size=vocabulary or vocabulary_for(char_count), marks=marks)
    else:
        tokenizer = _characters(texts, size=vocabulary or MAX_CHARACTERS, marks=marks)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        bos_token=END,
        eos_token=END,
        pad_token=END,
        unk_token=None if kind == "bpe" else UNKNOWN,
        extra_special_tokens=list(marks),
        clean_up_tokenization_spaces=False,
    )


def vocabulary_for(char_count: int) -> int:
    """Choose a vocabulary: a power of two, so that a token stands for some 250 characters of text.

    Measured on a novel: half as many tokens learn as low a loss, and invent more words.
    """
    size = 512
    while size < 32_768 and size * 256 < char_count:
        size *= 2
    return size


def _byte_pairs(texts: Sequence[str], *, size: int, marks: Sequence[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PATTERN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=max(size, 257 + len(marks)),
        special_tokens=[END, *marks],
        # All 256 bytes, so that no text is unknown.
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_up_to(texts, _MAX_CHARS_READ), trainer=trainer)
    return tokenizer


def _characters(texts: Sequence[str], *, size: int, marks: Sequence[str]) -> Tokenizer:
    counts: Counter[str] = Counter()
    for text in _up_to(texts, _MAX_CHARS_READ):
        counts.update(text)
    # Sorted before the cut as well as after, so that ties do not hang on the order of the rows.
    ranked = sorted(counts, key=lambda char: (-counts[char], char))[: size - 2]
    special = [END, UNKNOWN, *marks]
    vocabulary = {token: at for at, token in enumerate([*special, *sorted(ranked)])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"[\s\S]"), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(special)
    return tokenizer


def _up_to(texts: Iterable[str], max_chars: int) -> Iterator[str]:
    for text in texts:
        if max_chars <= 0:
            return
        yield text[:max_chars]
        max_chars -= len(text)
