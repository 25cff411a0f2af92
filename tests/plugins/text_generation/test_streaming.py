from modelmill_text_generation.streaming import PieceDecoder, StopFilter
from modelmill_text_generation.vocabularies import new_tokenizer

from .conftest import chinese, sentences


def stream(tokenizer, ids):
    decoder = PieceDecoder(tokenizer, [])
    pieces = [decoder.piece(token) for token in ids]
    return [piece for piece in [*pieces, decoder.rest()] if piece]


def test_any_text_comes_back_from_bytes_and_never_broken():
    tokenizer = new_tokenizer(sentences(50) + chinese(50), kind="bpe", vocabulary=300)
    text = "The miller 磨坊主 says “żółw” 🙂👩‍🚀 and\n\n\tcafé naïve 𝔘𝔫𝔦 ok"

    pieces = stream(tokenizer, tokenizer(text)["input_ids"])

    assert "".join(pieces) == text
    assert all("\ufffd" not in piece for piece in pieces)


def test_bytes_that_are_no_character_are_dropped():
    tokenizer = new_tokenizer(chinese(50), kind="bpe", vocabulary=257)
    whole = tokenizer("磨ab坊🙂")["input_ids"]
    whole.insert(1, tokenizer.convert_tokens_to_ids("Ā"))  # the byte 0
    # Every second byte of the multi-byte characters is lost on the way.
    pieces = stream(tokenizer, whole[:2] + whole[3:6] + whole[7:])

    assert not {"\ufffd", "\0"} & set("".join(pieces))
    assert "ab" in "".join(pieces)


def test_characters_come_back_and_strangers_are_left_out():
    tokenizer = new_tokenizer(["磨坊主 the mill\n"], kind="characters")

    assert "".join(stream(tokenizer, tokenizer("the 磨 Xmill\n")["input_ids"])) == "the 磨 mill\n"


def test_a_vocabulary_is_the_same_every_time():
    one, other = (
        new_tokenizer(sentences(200), kind="bpe", vocabulary=400).get_vocab() for _ in range(2)
    )

    assert one == other


def test_stop_texts_are_found_wherever_they_are_cut():
    for cut in range(1, 9):
        stops = StopFilter(["STOP", "\n\n"])
        shown = stops.passed("ab STOP cd"[:cut]) + stops.passed("ab STOP cd"[cut:]) + stops.rest()
        assert shown == "ab "
        assert stops.has_stopped


def test_what_only_looked_like_a_stop_is_shown():
    stops = StopFilter(["STOP"])

    assert stops.passed("a ST") == "a "
    assert stops.passed("AY") == "STAY"
    assert stops.passed(" STO") + stops.rest() == " STO"
    assert not stops.has_stopped
