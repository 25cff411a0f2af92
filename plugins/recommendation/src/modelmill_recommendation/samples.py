"""What the network would recommend just now, as a text to look at while it learns."""

import numpy as np

from modelmill_recommendation.preparation import Prepared
from modelmill_recommendation.ranking import Scorer, seen_hide, top_items

USERS = 3
_HISTORY_SHOWN = 4
_NEXT_SHOWN = 5


def sample_text(model: Scorer, prepared: Prepared) -> str:
    """Show a few held-out users: their newest items, what is guessed, and what came."""
    questions, names = prepared.holdout.validation, prepared.known.items
    chosen = np.linspace(0, len(questions) - 1, USERS).astype(int)
    histories = [questions.histories[index] for index in chosen]
    scores = np.array(model.scores(histories))
    if not prepared.known.has_repeats:
        seen_hide(scores, histories)
    lines = []
    for index, history, best in zip(chosen, histories, top_items(scores, _NEXT_SHOWN), strict=True):
        answer = int(questions.answers[index])
        met = ", ".join(names[item] for item in history[-_HISTORY_SHOWN:])
        guessed = ", ".join(f"[{names[i]}]" if i == answer else names[i] for i in best)
        lines.append(f"… {met} → {guessed} (came: {names[answer]})")
    return "\n".join(lines)
