"""What is installed here, and the description of each plugin: the broken ones in quarantine."""

from importlib import metadata
from importlib.metadata import Distribution, EntryPoint

from modelmill_sdk.describing import manifest_make
from modelmill_sdk.discovery import distribution_name, entry_points_named, plugins_load
from modelmill_sdk.errors import ManifestError, PluginMissing
from modelmill_sdk.hookspecs import GROUP
from modelmill_sdk.host.failures import traceback_text
from modelmill_sdk.manifest import Broken, Manifest
from modelmill_sdk.origins import Named, origin_of
from modelmill_sdk.protocol import Describe, Describing, Discovered, Manifests
from modelmill_sdk.runs import Listener
from modelmill_sdk.storable import storable_check

# Entry points of one distribution. What one declares wrongly is told of that one alone.
_MOST = 50


def plugins_discover() -> Discovered:
    """Name every entry point of every distribution, importing none."""
    found: dict[Named, None] = {}
    broken: list[Broken] = []
    for distribution in metadata.distributions():
        try:
            found |= dict.fromkeys(_declared(distribution))
        except Exception as error:
            broken.append(_broken("", _name_of(distribution), error))
    names = sorted(found, key=lambda named: (named.distribution, named.entry_point))
    return Discovered(entry_points=names, broken=broken)


def plugins_describe(work: Describe, *, listener: Listener) -> Manifests:
    """Import the entry point that is meant, and collect manifests and tracebacks.

    Raises PluginMissing if it is not installed, and whatever reading its files raises.
    """
    items: list[Manifest] = []
    broken: list[Broken] = []
    points = [one for one in entry_points_named(work.distribution) if one.name == work.entry_point]
    if not points:
        raise PluginMissing(f"{work.distribution} has no entry point {work.entry_point!r} now.")
    listener.tell(Describing(origin=origin_of(points[0])))
    try:
        classes = plugins_load(points[0])
    except (Exception, SystemExit) as error:
        return Manifests(broken=[_broken_point(points[0], error)])
    for plugin in classes:
        try:
            manifest = manifest_make(plugin, entry_point=points[0], out_dir=work.out_dir)
            # Here, where it is this plugin's fault and no other's.
            storable_check(manifest.model_dump_json().encode())
            items.append(manifest)
        except (Exception, SystemExit) as error:
            broken.append(_broken_point(points[0], error))
    return Manifests(items=items, broken=broken)


def _declared(distribution: Distribution) -> list[Named]:
    """Read the entry points under a distribution's name. Raises whatever is wrong with them."""
    if not distribution.entry_points.select(group=GROUP):
        return []
    # Whoever else bears the name speaks for nobody: the one that is found by it does.
    name = distribution.metadata["Name"]
    points = entry_points_named(name)
    if len(points) > _MOST:
        raise ManifestError(f"It declares more than {_MOST} entry points.")
    declared = [Named(entry_point=point.name, distribution=name) for point in points]
    for named in declared:
        storable_check(named.model_dump_json().encode())
    return declared


def _name_of(distribution: Distribution) -> str:
    try:
        return str(distribution.metadata["Name"])
    except Exception:
        return str(distribution.locate_file(""))


def _broken_point(entry_point: EntryPoint, error: BaseException) -> Broken:
    return _broken(entry_point.name, distribution_name(entry_point), error)


def _broken(entry_point: str, distribution: str, error: BaseException) -> Broken:
    return Broken(
        entry_point=entry_point,
        distribution=distribution,
        traceback=traceback_text(error),
    )
