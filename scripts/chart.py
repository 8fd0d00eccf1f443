"""Lints and renders the chart in deploy/helm by Helm's own code, which `scripts/program helm` fetches.

Needs the folder of that code in PYTHONPATH. Prints what is wrong, and then ends with 1.
"""

import sys
from pathlib import Path
from typing import Any

import helm_python

CHART = Path(__file__).parent.parent / "deploy" / "helm" / "samplebank"
#: values that switch everything on, and the kinds that have to come out
EVERYTHING: dict[str, Any] = {
    "database": {"existingSecret": "bank-database"},
    "blobs": {"existingClaim": "bank-blobs"},
    "workers": {"replicas": 2, "existingSecret": "bank-worker"},
    "ingress": {"enabled": True, "className": "haproxy", "tlsSecret": "bank-tls"},
}
#: the same with blobs in a bucket
BUCKET: dict[str, Any] = {
    "bucket": "s3://samples/bank",
    "existingSecret": "bank-bucket",
    "endpoint": "https://s3.example.org",
}
#: settings as YAML reads them, and what the pods get
SETTINGS: dict[str, Any] = {
    "max_sample_size": 4294967296.0,
    "audit_reads": False,
    "sweep_interval": 5,
    "port": 2.5,
}
TOLD = (
    '"SAMPLEBANK_MAX_SAMPLE_SIZE", value: "4294967296"',
    '"SAMPLEBANK_AUDIT_READS", value: "off"',
    '"SAMPLEBANK_SWEEP_INTERVAL", value: "5"',
    '"SAMPLEBANK_PORT", value: "2.5"',
)
KINDS = ("kind: Service\n", "kind: Deployment\n", "kind: Ingress\n")
WARNING = 2


def main() -> int:
    found = helm_python.lint(CHART, EVERYTHING, strict=True)
    wrong = [*found["errors"]]
    wrong += [f"{one['path']}: {one['error']}" for one in found["messages"] if one["severity"] >= WARNING]
    with helm_python.Chart.load(CHART) as chart:
        made = "".join(chart.render(EVERYTHING, name="bank").values())
        wrong += [f"No {kind.strip()} comes out." for kind in KINDS if kind not in made]
        for name in ("database", "blobs", "workers"):
            wrong += _taken_without(chart, name)
        in_bucket = "".join(chart.render(EVERYTHING | {"blobs": BUCKET}, name="bank").values())
        wrong += [f"Blobs in a bucket have no {one}." for one in BUCKET.values() if one not in in_bucket]
        wrong += ["Blobs in a bucket have a claim."] * ("persistentVolumeClaim" in in_bucket)
        told = "".join(chart.render(EVERYTHING | {"settings": SETTINGS}, name="bank").values())
        wrong += [f"The settings of the pods lack {one}." for one in TOLD if one not in told]
    for problem in wrong:
        print(problem)
    return 1 if wrong else 0


def _taken_without(chart: helm_python.Chart, name: str) -> list[str]:
    """A problem where the chart does without a secret or a claim that the pods cannot do without."""
    values = EVERYTHING | {name: {"replicas": 1}}
    try:
        chart.render(values, name="bank")
    except helm_python.HelmRenderError:
        return []
    return [f"The chart renders without {name}."]


if __name__ == "__main__":
    sys.exit(main())
