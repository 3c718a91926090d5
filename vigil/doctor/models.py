"""Checks of the model registry."""

from vigil.doctor.finding import NOTE, OK, PROBLEM, Finding
from vigil.doctor.installation import Installation
from vigil.errors import BundleError
from vigil.stores.bundle import load_bundle
from vigil.stores.registry import Registry


def check_champion(installation: Installation) -> Finding:
    """There is a champion, and this version of Vigil can read its bundle."""
    registry = Registry(installation.engine, installation.settings.registry_path)
    champion = registry.champion()
    if champion is None:
        remedy = "vigil train, then vigil promote --best"
        return Finding("champion", NOTE, "none: the online detector scores alone", remedy)
    try:
        load_bundle(champion.path)
    except BundleError as error:
        remedy = "update Vigil, or promote another bundle (vigil models lists them)"
        return Finding("champion", PROBLEM, str(error), remedy)
    return Finding("champion", OK, champion.bundle_id)
