"""Text made fit for a message: valid Unicode, of bounded length."""


def text_clean(text: str, *, max_chars: int | None = None) -> str:
    """Replace what a database cannot hold (lone surrogates, NUL), and keep the last ``max_chars``.

    The end is kept because the last lines of a traceback say what happened.
    """
    valid = text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")
    return valid if max_chars is None else valid[-max_chars:]
