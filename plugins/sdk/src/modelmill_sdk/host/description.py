"""What is installed here, and the description of each plugin: the broken ones in quarantine."""

from importlib.metadata import EntryPoint

from modelmill_sdk.describing import manifest_make
from modelmill_sdk.discovery import distribution_name, entry_points_found, plugins_load
from modelmill_sdk.errors import ManifestError
from modelmill_sdk.host.failures import traceback_text
from modelmill_sdk.manifest import Broken, Manifest
from modelmill_sdk.origins import Origin, origin_of
from modelmill_sdk.protocol import Describe, Discovered, Manifests
from modelmill_sdk.storable import storable_check


def plugins_discover() -> Discovered:
    """Say where every entry point comes from, before any of them is imported."""
    origins: list[Origin] = []
    broken: list[Broken] = []
    for entry_point in entry_points_found():
        try:
            origins.append(origin_of(entry_point))
        except Exception as error:
            broken.append(_broken(entry_point, error))
    return Discovered(origins=origins, broken=broken)


def plugins_describe(work: Describe) -> Manifests:
    """Import the entry point that is meant, and collect manifests and tracebacks."""
    items: list[Manifest] = []
    broken: list[Broken] = []
    for entry_point in entry_points_found():
        name = (distribution_name(entry_point), entry_point.name)
        if name != (work.distribution, work.entry_point):
            continue
        try:
            classes = plugins_load(entry_point)
        except (Exception, SystemExit) as error:
            broken.append(_broken(entry_point, error))
            continue
        for plugin in classes:
            try:
                manifest = manifest_make(plugin, entry_point=entry_point, out_dir=work.out_dir)
                # Here, where it is this plugin's fault and no other's.
                storable_check(manifest.model_dump_json().encode())
                items.append(_unique(manifest, items))
            except (Exception, SystemExit) as error:
                broken.append(_broken(entry_point, error))
    return Manifests(items=items, broken=broken)


def _unique(manifest: Manifest, others: list[Manifest]) -> Manifest:
    if any(other.plugin_id == manifest.plugin_id for other in others):
        raise ManifestError(f"The id {manifest.plugin_id!r} is registered twice.")
    return manifest


def _broken(entry_point: EntryPoint, error: BaseException) -> Broken:
    return Broken(
        entry_point=entry_point.name,
        distribution=distribution_name(entry_point),
        traceback=traceback_text(error),
    )
