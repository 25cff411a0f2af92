"""A language model of the customer's own: trained from scratch on their text, or fine-tuned.

``plugin`` is all that the platform sees and imports nothing heavy. Behind it, one file per thing:
``corpus`` turns rows into tokens, ``vocabularies`` makes the tokenizer, ``networks`` the model,
``bases`` finds and adapts an operator's checkpoint, ``plans`` settles what the customer left open,
``training`` is the loop with ``optimizers``, ``heldout`` and ``checkpoints``, and ``generation``
is everything between a prompt and its streamed text.
"""
