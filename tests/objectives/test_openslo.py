"""OpenSLO files: what is right is read, what is wrong is named."""

import pytest
import yaml

from vigil.errors import InputError
from vigil.objectives.openslo import read_objectives


def document(**changes):
    """A valid SLO; `changes` are dotted paths with __ for dots."""
    source = {"indicator": "latency", "limit_ms": 300, "select": {"route": "/pay"}}
    slo = {
        "apiVersion": "openslo/v1",
        "kind": "SLO",
        "metadata": {"name": "pay-latency"},
        "spec": {
            "service": "payments",
            "indicator": {"spec": {"ratioMetric": {"good": {"metricSource":
                {"type": "vigil", "spec": source}}}}},
            "timeWindow": [{"duration": "28d", "isRolling": True}],
            "objectives": [{"target": 0.99}],
        },
    }  # fmt: skip
    places = {"source": source, "spec": slo["spec"], "top": slo}
    for name, value in changes.items():
        place, field = name.split("__")
        places[place][field] = value
    return slo


def write(tmp_path, *documents):
    path = tmp_path / "slo.yaml"
    path.write_text(yaml.safe_dump_all(documents))
    return path


def test_a_file_of_objectives_is_read(tmp_path):
    """Several documents; kinds that are not objectives are left alone."""
    service = {"apiVersion": "openslo/v1", "kind": "Service", "metadata": {"name": "payments"}}
    [found] = read_objectives(write(tmp_path, service, document()))
    assert found.name == "pay-latency"
    assert found.select == {"service": "payments", "route": "/pay"}
    assert (found.kind, found.limit, found.target) == ("latency", 300, 0.99)
    assert found.window_s == 28 * 86_400


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"spec__objectives": [{"target": 99.9}]},
         r"spec\.objectives\.0\.target: input should be less than 1, got 99\.9"),
        ({"spec__timeWindow": [{"duration": "4 weeks", "isRolling": True}]},
         r"spec\.timeWindow\.0\.duration: must be a number and one of .* got '4 weeks'"),
        ({"source__indicator": "availability"}, "limit_ms has no meaning"),
        ({"source__limit_ms": None}, "limit_ms is needed"),
        ({"source__select": {"rout": "/pay"}}, r"select\.rout"),
        ({"spec__budgetting": "Occurrences"}, r"spec\.budgetting: extra inputs .*'Occurrences'"),
        ({"top__metadata": {"name": "Pay Latency"}}, r"metadata\.name: .* 'Pay Latency'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_document_field_and_value(tmp_path, changes, said):
    """One sentence that leads to the place."""
    with pytest.raises(InputError, match=r"slo\.yaml, document 2: .*" + said):
        read_objectives(write(tmp_path, {**document(), "kind": "Service"}, document(**changes)))


def test_names_are_unique_and_files_not_empty(tmp_path):
    """Two objectives of one name cannot be told apart."""
    with pytest.raises(InputError, match="'pay-latency' twice"):
        read_objectives(write(tmp_path, document(), document()))
    with pytest.raises(InputError, match="holds no document of kind SLO"):
        read_objectives(write(tmp_path, {"kind": "Service"}))
    path = tmp_path / "bad.yaml"
    path.write_text("a: [1")
    with pytest.raises(InputError, match="is not YAML"):
        read_objectives(path)
