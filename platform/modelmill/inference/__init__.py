"""The story of a use: a prediction is asked for, claimed, streamed, finished and charged.

Not for what a model is (registry) nor for running it (the workers' serving).
Public verbs: ``prediction_create``, ``prediction_cancel`` (services);
``prediction_claim``, ``predictions_renew``, ``prediction_finish``,
``prediction_fail`` (lifecycle, for workers); ``predictions_sweep`` (sweeping);
``prediction_forget``, ``predictions_expire`` (forgetting);
``prediction_wait``, ``prediction_stream`` (reading); ``stream_piece`` and its
like (streams); ``prediction_list``, ``access_prediction`` (selectors).
"""
