"""The types of events that a webhook endpoint may hear of; OpenAI's names where it has them."""

from typing import Final

EVENT_TYPES: Final = (
    "fine_tuning.job.succeeded",
    "fine_tuning.job.failed",
    "fine_tuning.job.cancelled",
)
# Sent by the button on the page, to whoever asked; no endpoint can leave it out.
TEST_EVENT: Final = "webhook.test"
