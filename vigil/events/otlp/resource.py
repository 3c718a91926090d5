"""Who a record is about: resource attributes as key columns.

Names after the OpenTelemetry semantic conventions, older ones behind the current ones.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from vigil.events.otlp.attributes import Attributes, read_attributes
from vigil.events.otlp.wire import LENGTH, Messages, Walk

KEY_ATTRIBUTES = {
    "tenant": ("vigil.tenant", "tenant.id"),
    "environment": ("deployment.environment.name", "deployment.environment"),
    "cloud": ("cloud.provider",),
    "region": ("cloud.region",),
    "service": ("service.name",),
}

# What tells one version, host or pod from another. The rest describes the SDK and the process, and
# would be repeated in every record.
KEPT = ("service.", "host.name", "k8s.", "container.", "faas.", "cloud.", "os.type", "tenant")


@dataclass(frozen=True, slots=True)
class Grouped:
    """Records of a payload: their messages, key columns of their resource, its kept attributes."""

    records: Messages
    keys: dict[str, pa.StringArray]
    kept: Attributes


def grouped_records(walk: Walk) -> Grouped:
    """The records of an export request: resource → scope → records, for any of the signals.

    ExportTraceServiceRequest, ExportLogsServiceRequest and ExportMetricsServiceRequest have the
    same numbers: 1 groups by resource; in it 1 is the resource, 2 groups by scope; in that 2 is a
    record.
    """
    groups = walk.read(walk.root, repeated=1).repeated
    grouped = walk.read(groups, fields=[(1, LENGTH)], repeated=2)
    keys, kept = _resources(walk, grouped.inner(1), len(groups))
    scopes = grouped.repeated
    records = walk.read(scopes, repeated=2).repeated
    group_of = scopes.owner[records.owner]
    take = pa.array(group_of)
    columns = {name: values.take(take) for name, values in keys.items()}
    return Grouped(records, columns, kept.of(group_of))


def _resources(
    walk: Walk, resources: Messages, groups: int
) -> tuple[dict[str, pa.StringArray], Attributes]:
    entries = walk.read(resources, repeated=1).repeated.under(resources.owner)
    attributes = read_attributes(walk, entries, groups)
    keys = {name: attributes.pick(*names) for name, names in KEY_ATTRIBUTES.items()}
    return keys, attributes.select(KEPT)


def instants(nanoseconds: np.ndarray) -> pa.Array:
    """Epoch nanoseconds (the bits of uint64) as instants, µs; null for 0, which means unknown."""
    micros = (nanoseconds.view(np.uint64) // np.uint64(1_000)).astype(np.int64)
    return pa.array(micros, pa.timestamp("us", "UTC"), mask=nanoseconds == 0)
