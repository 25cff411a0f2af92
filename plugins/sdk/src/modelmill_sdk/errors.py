"""The errors of a plugin, by who sees them.

========================  =============================================================
``CustomerError``         the customer, word for word: something they sent can be changed
``PluginError``           the operator and the author: a mistake in the plugin
``ManifestError``         the same, found while the plugin was being described
``PluginChanged``         the operator: the installed files are not those that were described
``PluginMissing``         the operator: it is not installed, or cannot be imported
``ProtocolError``         the operator: the other end of the pipe broke the protocol
``Cancelled``             nobody: the run was stopped on request; let it pass
========================  =============================================================
"""

from typing import Literal

CustomerErrorCode = Literal["customer_error", "out_of_memory", "nan_loss"]


class CustomerError(Exception):
    """A mistake of the customer's, told to them in a message that says what to do instead.

    ``code`` sorts a training's end where it is not a matter of what was sent: memory that ran out,
    or a loss that is no longer a number.
    """

    def __init__(
        self, message: str, param: str | None = None, *, code: CustomerErrorCode = "customer_error"
    ) -> None:
        """Take the message to show, and the name of the input or parameter it is about."""
        super().__init__(message)
        self.message = message
        self.param = param
        self.code: CustomerErrorCode = code


class PluginError(Exception):
    """A mistake of the plugin's: the operator and the author see it, the customer is not billed.

    ``rule`` names the check of the conformance kit that looks for this mistake, if one does.
    """

    def __init__(self, message: str, *, rule: str | None = None) -> None:
        """Take the message, and the id of the check it breaks."""
        super().__init__(message)
        self.rule = rule


class PluginChanged(PluginError):
    """The plugin's files are not those that the platform knows under this version."""


class PluginMissing(PluginError):
    """The plugin is not installed where it was looked for, or it cannot be imported."""


class ManifestError(PluginError):
    """The plugin's class does not describe itself well enough to be offered."""


class ProtocolError(Exception):
    """A frame that is too long, is not one of the protocol's messages, or was cut off."""


class Cancelled(BaseException):
    """The run was asked to stop.

    A ``BaseException``, so that a plugin's ``except Exception`` around a step does not swallow it.
    """


def memory_ran_out(error: BaseException) -> bool:
    """Say whether an error is memory that could not be had: Python's, or torch's, of any device."""
    # By name and by words, since the SDK never imports torch; on a CPU torch has no class for it.
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
