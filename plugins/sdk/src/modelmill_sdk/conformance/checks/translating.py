"""The promise about a plugin's translations."""

from collections.abc import Iterator

from modelmill_sdk.conformance.evidence import Evidence
from modelmill_sdk.conformance.verdicts import Fault
from modelmill_sdk.sentences import sentences_known, sentences_shown
from modelmill_sdk.translations import translations_read

_LINES_SHOWN = 12
# What the code says is English already: its file has names for choices, and may lack any.
_OF_THE_CODE = "en"


class Translated:
    """In each language it names, it says all that it says in English, and nothing else."""

    id = "translations"
    fix = (
        "Write the sentence into the language's file exactly as it stands in the code, with its "
        "translation; take out what the plugin does not say any more."
    )

    def look(self, evidence: Evidence) -> None:
        """Compare the files with the manifest.

        A missing sentence is a fault as much as one left over: whoever changes the English makes
        one of each, and the two together say which translation has to be looked at.
        """
        shown, known = sentences_shown(evidence.manifest), sentences_known(evidence.manifest)
        faults = [
            fault
            for language, texts in translations_read(evidence.plugin).items()
            for fault in _faults(language, set(texts), shown, known)
        ]
        if len(faults) > _LINES_SHOWN:
            faults[_LINES_SHOWN:] = [f"and {len(faults) - _LINES_SHOWN} more."]
        if faults:
            raise Fault("\n".join(faults))


def _faults(language: str, said: set[str], shown: dict[str, str], known: set[str]) -> Iterator[str]:
    for sentence, where in shown.items():
        if sentence not in said and language != _OF_THE_CODE:
            yield f"{language} has no translation of {sentence!r} ({where})."
    for sentence in sorted(said - known):
        yield f"{language} translates {sentence!r}, which the plugin does not say."
