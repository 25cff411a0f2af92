"""Build the dashboard's assets into ``assets/dist``; run again, it does nothing."""

import hashlib
import sys
from pathlib import Path

from deploy.node import npm_find

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "assets" / "dist"
STAMP = DIST / ".modelmill-stamp"


def main() -> None:
    """Install the locked packages and build, when a source has changed since the last time."""
    wanted = _fingerprint()
    if STAMP.exists() and STAMP.read_text() == wanted:
        return
    print("Building the dashboard's assets …", flush=True)
    npm = npm_find()
    build = ["run", "-s", "build", "--", "--logLevel", "warn"]
    for words in (["ci", "--no-audit", "--no-fund", "--loglevel=error"], build):
        if npm.run(*words, cwd=ROOT) != 0:
            sys.exit(
                f"`npm {words[0]}` failed; the message above says why. If the package registry is "
                "out of reach, check `npm config list` and run the same command again."
            )
    STAMP.write_text(wanted)


def _fingerprint() -> str:
    digest = hashlib.sha256()
    folders = [ROOT / "assets", ROOT / "templates", ROOT / "platform"]
    suffixes = {".css", ".js", ".svg", ".html", ".py"}
    sources = [
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix in suffixes and DIST not in path.parents
    ]
    locked = [ROOT / "package.json", ROOT / "package-lock.json", *ROOT.glob("vite.config.*")]
    for path in sorted([*sources, *locked]):
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    return digest.hexdigest()


if __name__ == "__main__":
    main()
