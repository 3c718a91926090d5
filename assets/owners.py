"""Who answers for which assets, and what kind of thing each group is: shown in the catalogue."""

import dagster as dg

_OPERATIONS, _MODELS = "team:operations", "team:models"

# Asset group → who is asked when it fails, and the loop that it belongs to.
_OWNERS = {
    "snapshots": (_OPERATIONS, "stream"),
    "features": (_MODELS, "workbench"),
    "forecasts": (_MODELS, "workbench"),
    "training": (_MODELS, "workbench"),
    "models": (_MODELS, "workbench"),
    "drills": (_OPERATIONS, "stream"),
}


def described(spec: dg.AssetSpec) -> dg.AssetSpec:
    """The asset with its owner and loop; an asset of an unknown group is an error."""
    owner, loop = _OWNERS[spec.group_name or ""]
    return spec.replace_attributes(owners=[owner], tags={**spec.tags, "loop": loop})
