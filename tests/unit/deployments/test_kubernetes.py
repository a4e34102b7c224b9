"""The Kubernetes manifests: whole, hardened, and about programs, variables, ports and queues that exist."""

import re
import shutil
import subprocess
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.deployments import (
    DEPLOYMENTS,
    SERVICES,
    STOP_SECONDS,
    assignments,
    load_yaml,
    unknown_variables,
)
from tests.support.repository import ROOT, text

FOLDER = DEPLOYMENTS / "kubernetes"
SECRETS = FOLDER / "secret.example.yaml"
SCALED_BY_QUEUE = {"worker": "jobs", "consumer": "generation"}
each = pytest.mark.parametrize("name", SERVICES)


@cache
def kustomization() -> dict[str, Any]:
    found: dict[str, Any] = load_yaml(DEPLOYMENTS / "kustomization.yaml")[0]
    return found


@cache
def objects() -> list[dict[str, Any]]:
    """Every object that the kustomization names."""
    return [document for path in kustomization()["resources"] for document in load_yaml(DEPLOYMENTS / path)]


def the(kind: str, name: str) -> dict[str, Any]:
    """The one object of a kind with this name."""
    (found,) = [o for o in objects() if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return found


def pod(name: str) -> dict[str, Any]:
    found: dict[str, Any] = the("Deployment", name)["spec"]["template"]["spec"]
    return found


def container(name: str) -> dict[str, Any]:
    (found,) = pod(name)["containers"]
    return dict(found)


def port(name: str) -> tuple[str, int]:
    (found,) = container(name)["ports"]
    return found["name"], found["containerPort"]


@cache
def secret_keys() -> frozenset[str]:
    """What the template of the services' secret asks for."""
    return frozenset(load_yaml(SECRETS)[0]["stringData"])


def test_every_manifest_is_part_of_it_but_the_secrets_template() -> None:
    files = {str(path.relative_to(ROOT / DEPLOYMENTS)) for path in (ROOT / FOLDER).glob("*.yaml")}
    assert set(kustomization()["resources"]) == files - {"kubernetes/secret.example.yaml"}


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_builds_it() -> None:
    command = ["kubectl", "kustomize", str(ROOT / DEPLOYMENTS)]
    built = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    documents = [document for document in yaml.safe_load_all(built) if document]
    assert len(documents) == len(objects()) + len(kustomization()["configMapGenerator"])
    assert {d["metadata"].get("namespace", d["metadata"]["name"]) for d in documents} == {"synthmill"}


@each
def test_a_service_is_probed_where_it_listens(name: str) -> None:
    label, number = port(name)
    probes = {kind: container(name)[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")}
    assert {kind: probe["path"] for kind, probe in probes.items()} == {
        "startup": "/healthz",
        "liveness": "/healthz",
        "readiness": "/readyz",
    }
    assert {probe["port"] for probe in probes.values()} == {label}
    options = container(name).get("args", [])
    told = options[options.index("--port") + 1] if "--port" in options else settings()["SYNTHMILL_MONITORING__PORT"]
    assert int(told) == number
    marks = the("Deployment", name)["spec"]["template"]["metadata"]["annotations"]
    assert (marks["prometheus.io/port"], marks["prometheus.io/path"]) == (str(number), "/metrics")


@cache
def settings() -> dict[str, str]:
    return assignments(FOLDER / "settings.env")


@each
def test_a_service_may_do_little(name: str) -> None:
    assert pod(name)["securityContext"]["runAsNonRoot"] is True
    assert f"USER {pod(name)['securityContext']['runAsUser']}:" in text(DEPLOYMENTS / "Dockerfile")
    assert pod(name)["automountServiceAccountToken"] is False
    assert container(name)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


@each
def test_a_service_is_limited_and_has_time_to_stop(name: str) -> None:
    resources = container(name)["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert "memory" in resources["limits"]
    before = container(name).get("lifecycle", {}).get("preStop", {}).get("exec", {}).get("command", ["sleep", "0"])
    assert pod(name)["terminationGracePeriodSeconds"] >= STOP_SECONDS + int(before[-1])


@each
def test_a_service_is_given_variables_that_it_reads(name: str) -> None:
    given = [variable["name"] for variable in container(name)["env"]]
    assert unknown_variables(iter([*given, *settings()])) == []


@each
def test_a_secret_comes_from_the_secret_alone(name: str) -> None:
    for variable in container(name)["env"]:
        if re.search("SECRET|TOKEN|KEY|AUTH|RABBITMQ__URL", variable["name"]):
            reference = variable["valueFrom"]["secretKeyRef"]
            assert reference == {"name": "synthmill", "key": variable["name"]}
            assert reference["key"] in secret_keys()


def test_templates_of_secrets_have_no_values_and_no_key_that_nobody_uses() -> None:
    services, providers = load_yaml(SECRETS)
    assert set(services["stringData"].values()) == {""}
    assert providers["stringData"] == {}
    used = {v["name"] for name in SERVICES for v in container(name)["env"] if "valueFrom" in v}
    assert used == secret_keys()
    assert {s["metadata"]["namespace"] for s in (services, providers)} == {kustomization()["namespace"]}


def test_the_gateway_gets_the_providers_keys_and_none_of_the_servers() -> None:
    sources = {name: container(name).get("envFrom", []) for name in SERVICES}
    assert [s["secretRef"]["name"] for s in sources["gateway"]] == ["synthmill-providers"]
    assert all("secretRef" not in s for name in ("api", "worker", "consumer", "flows") for s in sources[name])
    assert not any("RABBITMQ" in v["name"] or "MINIO" in v["name"] for v in container("gateway")["env"])


def test_nobody_but_a_consumer_reaches_the_gateway() -> None:
    (rule,) = the("NetworkPolicy", "gateway")["spec"]["ingress"]
    (who,) = rule["from"]
    assert who["podSelector"]["matchLabels"] == the("Deployment", "consumer")["spec"]["template"]["metadata"]["labels"]


@pytest.mark.parametrize("name", ["api", "gateway"])
def test_a_service_address_leads_to_its_pods(name: str) -> None:
    spec = the("Service", name)["spec"]
    assert spec["selector"] == the("Deployment", name)["spec"]["template"]["metadata"]["labels"]
    assert [(p["targetPort"], p["port"]) for p in spec["ports"]] == [port(name)]


def test_the_consumer_is_told_the_gateways_address() -> None:
    assert settings()["SYNTHMILL_GATEWAY__URL"] == f"http://gateway:{port('gateway')[1]}/v1"


@each
def test_not_all_pods_of_a_service_are_taken_away_at_once(name: str) -> None:
    spec = the("PodDisruptionBudget", name)["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["selector"]["matchLabels"] == the("Deployment", name)["spec"]["selector"]["matchLabels"]


@pytest.mark.parametrize("name", SCALED_BY_QUEUE)
def test_workers_and_consumers_follow_the_length_of_a_queue_that_is_declared(name: str) -> None:
    spec = the("ScaledObject", name)["spec"]
    (trigger,) = spec["triggers"]
    queue = trigger["metadata"]["queueName"]
    declared = tomllib.loads(text(Path("schemas/queues.toml")))["queues"]
    assert queue == SCALED_BY_QUEUE[name]
    assert name in declared[queue]["consumers"]
    assert int(trigger["metadata"]["value"]) >= declared[queue]["prefetch"]
    assert 1 <= spec["minReplicaCount"] < spec["maxReplicaCount"]
    assert spec["scaleTargetRef"]["name"] == name
    authentication = the("TriggerAuthentication", trigger["authenticationRef"]["name"])
    (target,) = authentication["spec"]["secretTargetRef"]
    assert target["key"] in secret_keys()


def test_the_number_of_pods_is_said_once() -> None:
    scalers = {o["spec"]["scaleTargetRef"]["name"] for o in objects() if "scaleTargetRef" in o.get("spec", {})}
    fixed = {name for name in SERVICES if "replicas" in the("Deployment", name)["spec"]}
    assert scalers == {"api", "worker", "consumer"}
    assert fixed == {"gateway", "flows"}


def test_images_are_those_that_the_compose_file_builds() -> None:
    services = load_yaml(DEPLOYMENTS / "compose.yaml")[0]["services"]
    tags = {image["name"]: image["newTag"] for image in kustomization()["images"]}
    for name in SERVICES:
        assert services[name]["image"] == f"{container(name)['image']}:{tags[container(name)['image']]}"
        assert services[name].get("command", []) == container(name).get("args", [])
    project = tomllib.loads(text(Path("pyproject.toml")))["project"]
    assert set(tags.values()) == {project["version"]}


def test_volumes_that_are_mounted_are_declared_and_their_sources_exist() -> None:
    maps = {generator["name"] for generator in kustomization()["configMapGenerator"]}
    for name in SERVICES:
        declared = {volume["name"]: volume for volume in pod(name)["volumes"]}
        assert {mount["name"] for mount in container(name)["volumeMounts"]} == set(declared)
        for volume in declared.values():
            if "configMap" in volume:
                assert volume["configMap"]["name"] in maps
            if "persistentVolumeClaim" in volume:
                assert the("PersistentVolumeClaim", volume["persistentVolumeClaim"]["claimName"])
