"""Promises about how a plugin behaves in its process, whatever it does there."""

from modelmill_sdk.artifacts import is_pickle
from modelmill_sdk.conformance.evidence import Evidence
from modelmill_sdk.conformance.promise import broke_rule
from modelmill_sdk.conformance.scratch import folder_difference, folder_digests
from modelmill_sdk.conformance.starting import THREADS
from modelmill_sdk.conformance.verdicts import Fault, Skip

OUTPUT_MAX_BYTES = 64 * 1024
# How much more than its threads a plugin may compute on, on average over a second or more.
CORES_SLACK = 1.5


class NoPickle:
    """It writes no pickle and loads none."""

    id = "no-pickle"
    fix = "Write tensors as safetensors and everything else as JSON, in checkpoints too."

    def look(self, evidence: Evidence) -> None:
        """Look at every file it left, and at every unpickling."""
        if evidence.trains:
            broke_rule(evidence.whole, check=self.id)
        for folder in (evidence.scratch.runs, evidence.scratch.shelf, evidence.scratch.outputs):
            for path in sorted(folder.rglob("*")):
                if path.is_file() and not path.is_symlink() and is_pickle(path):
                    raise Fault(f"{path.relative_to(evidence.scratch.root)} is a pickle.")
        loaded = [one.what for one in evidence.crew.sightings if one.kind == "pickle"]
        if loaded:
            raise Fault(f"It unpickled {', '.join(loaded[:3])}.")


class NoNetwork:
    """It needs no network."""

    id = "no-network"
    fix = (
        "Bring what it needs in the distribution, or have the operator install it "
        "(MODELMILL_BASE_MODELS); a plugin's process has no network."
    )

    def look(self, evidence: Evidence) -> None:
        """Look at every connection it tried."""
        tried = [one.what for one in evidence.crew.sightings if one.kind == "network"]
        if tried:
            raise Fault(f"It tried to reach {', '.join(tried[:3])}.")


class WritesInside:
    """It writes nothing outside its work folder, its output folder and its temporary folder."""

    id = "writes-inside"
    fix = "Write to run.workdir and run.model_dir in train(), to run.out_dir in predict()."

    def look(self, evidence: Evidence) -> None:
        """Look at every opened file, at the home folder, and at the dataset."""
        root = str(evidence.scratch.root)
        seen = [one.what for one in evidence.crew.sightings if one.kind == "write"]
        wrote = [path.removeprefix(f"{root}/") for path in [*seen, *evidence.scratch.strays()]]
        if wrote:
            raise Fault(f"It wrote {', '.join(dict.fromkeys(wrote[:5]))}.")
        if evidence.trains:
            change = folder_difference(evidence.data_before, folder_digests(evidence.data_dir))
            if change:
                raise Fault(f"It changed the dataset: {change}.")


class OutputBounded:
    """It prints little: its output is for the operator, who reads the end of it."""

    id = "output-bounded"
    fix = "Report by run.progress() and run.log(); switch progress bars of libraries off."

    def look(self, evidence: Evidence) -> None:
        """Compare the most that one process printed."""
        if evidence.crew.output_bytes > OUTPUT_MAX_BYTES:
            raise Fault(
                f"One process printed {evidence.crew.output_bytes:,} bytes, at the end:\n"
                f"{evidence.crew.output_tail[-300:]}"
            )


class ThreadsRespected:
    """It computes on as many threads as it was given."""

    id = "threads-respected"
    fix = "Pass run.threads to what starts threads of its own (n_jobs, torch.set_num_threads)."

    def look(self, evidence: Evidence) -> None:
        """Look at torch's setting and at the time on all cores."""
        evidence.need_training()
        work = [one.what.split() for one in evidence.crew.sightings if one.kind == "work"]
        if not work:
            raise Skip("No training ended well.")
        for threads, cores in work:
            if int(threads) > THREADS:
                raise Fault(f"torch was set to {threads} threads instead of {THREADS}.")
            if float(cores) > THREADS * CORES_SLACK:
                raise Fault(f"It kept {cores} cores busy on {THREADS} thread.")


class CleanEnd:
    """Its process ends when the platform hangs up, and leaves no other behind."""

    id = "clean-end"
    fix = "Start no process that outlives predict() or train(), and no thread that holds the lock."

    def look(self, evidence: Evidence) -> None:
        """Hang up on every process, and look who is left."""
        evidence.crew.close()
        if evidence.crew.endings:
            raise Fault(evidence.crew.endings[0])
