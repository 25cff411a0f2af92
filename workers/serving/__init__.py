"""Warm models: plugin processes that stay loaded between predictions, within a memory budget.

One process holds one model version and answers one prediction at a time. This
room knows how a prediction is worked on; what a prediction is, and what it
costs, is the platform's. Public: ``prediction_serve``.
"""

from workers.serving.service import prediction_serve

__all__ = ["prediction_serve"]
