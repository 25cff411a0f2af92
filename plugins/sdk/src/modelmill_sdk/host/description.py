"""The description of every installed plugin, the broken ones in quarantine."""

from importlib.metadata import EntryPoint

from modelmill_sdk.describing import manifest_make
from modelmill_sdk.discovery import distribution_name, entry_points_found, plugins_load
from modelmill_sdk.errors import ManifestError
from modelmill_sdk.host.failures import traceback_text
from modelmill_sdk.manifest import Broken, Manifest
from modelmill_sdk.origins import origin_of
from modelmill_sdk.protocol import Describe, Describing, Manifests
from modelmill_sdk.runs import Listener
from modelmill_sdk.storable import storable_check


def plugins_describe(work: Describe, *, listener: Listener) -> Manifests:
    """Import every entry point but those skipped, and collect manifests and tracebacks."""
    items: list[Manifest] = []
    broken: list[Broken] = []
    for entry_point in entry_points_found():
        if entry_point.name in work.skip:
            continue
        try:
            listener.tell(Describing(origin=origin_of(entry_point)))
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
    for other in others:
        if other.plugin_id == manifest.plugin_id:
            raise ManifestError(
                f"The id {manifest.plugin_id!r} is taken by the distribution {other.distribution}."
            )
    return manifest


def _broken(entry_point: EntryPoint, error: BaseException) -> Broken:
    return Broken(
        entry_point=entry_point.name,
        distribution=distribution_name(entry_point),
        traceback=traceback_text(error),
    )
