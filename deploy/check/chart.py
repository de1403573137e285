"""Renders the Helm chart as Helm 4 does, and holds every object against the schemas of Kubernetes and some rules of ours."""

import sys
from pathlib import Path

import kubernetes_validate
import yaml
from helm_python import HelmError
from helm_python.chart import Chart, lint

CHART = Path(__file__).parent.parent / "helm" / "tagalong"
KUBERNETES = ["1.29", "1.37"]
CLUSTER = {
    "replicas": 3,
    "existingSecret": "tagalong",
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tagalong-tls"},
    "settings": {"TRUSTED_PROXIES": "10.0.3.0/24"},
}
WAYS = {
    "one embedded node": ({}, {"Deployment", "Service", "PersistentVolumeClaim"}),
    "several nodes": (CLUSTER, {"Deployment", "Service", "PodDisruptionBudget", "Ingress"}),
    "as many as are needed": (
        CLUSTER | {"autoscaling": {"enabled": True}},
        {"Deployment", "Service", "PodDisruptionBudget", "Ingress", "HorizontalPodAutoscaler"},
    ),
}


def objects(values):
    chart = Chart.load(CHART)
    rendered = chart.render(values, name="tagalong", namespace="default")
    texts = [text for path, text in sorted(rendered.items()) if path.endswith(".yaml")]
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


def check_pod(pod):
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] > 0
    (container,) = pod["containers"]
    assert container["securityContext"]["readOnlyRootFilesystem"]
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert container["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    settings = {one["name"]: one["value"] for one in container["env"]}
    assert int(settings["SHUTDOWN_TIMEOUT_SECONDS"]) < pod["terminationGracePeriodSeconds"]
    assert int(settings["SHUTDOWN_DELAY_SECONDS"]) < int(settings["SHUTDOWN_TIMEOUT_SECONDS"])


def check_refusal(what, values, named):
    try:
        objects(values)
    except HelmError as refused:
        assert named in str(refused), refused
    else:
        sys.exit(f"{what} was not refused")


def main():
    report = lint(CHART, strict=True)
    errors = [message for message in report["messages"] if message["severity"] > 1]
    assert not errors and not report["errors"], report
    for way, (values, kinds) in WAYS.items():
        found = objects(values)
        assert {one["kind"] for one in found} == kinds, (way, [one["kind"] for one in found])
        for one in found:
            for version in KUBERNETES:
                kubernetes_validate.validate(one, version, strict=True)
            if one["kind"] == "Deployment":
                check_pod(one["spec"]["template"]["spec"])
        print(f"chart, {way}: {len(found)} objects hold against Kubernetes {' and '.join(KUBERNETES)}")
    check_refusal("several replicas without a shared database", {"replicas": 2}, "existingSecret")
    check_refusal("an ingress whose controller is not named", {"ingress": {"enabled": True}}, "TRUSTED_PROXIES")


main()
