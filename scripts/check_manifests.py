#!/usr/bin/env python3
"""Checks the compose file and the Kubernetes manifests of deploy/ as their engines would, against the schemas of Kubernetes,
and for what no schema covers: names that refer to each other agree, every setting is one of the server's, and nodes get the
time to drain, the probes and the rights that docs/operations.md promises. Starts nothing."""

import re
import sys
from pathlib import Path

import kubernetes_validate
import yaml

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "deploy"
# The server drains for up to this long (README.md, "Stopping").
DRAIN_SECONDS = 10
faults = []


def expect(condition, sentence):
    if not condition:
        faults.append(sentence)


class Loader(yaml.SafeLoader):
    """Refuses a duplicate key, of which YAML would silently keep one."""


def mapping(loader, node, deep=False):
    seen = set()
    for key, _ in node.value:
        name = key.value
        if name in seen:
            raise yaml.YAMLError(f"{name!r} stands twice, {key.start_mark}")
        seen.add(name)
    loader.flatten_mapping(node)
    return yaml.SafeLoader.construct_mapping(loader, node, deep)


Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)


def documents(path):
    return [document for document in yaml.load_all(path.read_text(), Loader) if document is not None]


def settings():
    """Returns the environment variables that the server knows."""
    return set(re.findall(r"^#([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def seconds(text):
    number, unit = re.fullmatch(r"(\d+)(s|m)", text).groups()
    return int(number) * (60 if unit == "m" else 1)


def check_settings(where, names):
    for name in sorted(set(names) - settings()):
        expect(False, f"{where}: {name} is no setting of the server (.env.example)")


def check_compose():
    path = DEPLOY / "compose/compose.yaml"
    text = path.read_text()
    compose = documents(path)[0]
    services = compose["services"]
    nodes = {name: service for name, service in services.items() if service["image"] == "chatserver"}
    expect(len(nodes) == 3, f"compose: three nodes, not {len(nodes)}")
    for name, service in services.items():
        for needed in service.get("depends_on", {}):
            expect(needed in services, f"compose: {name} waits for {needed}, which is not there")
        for network in service["networks"]:
            expect(network in compose["networks"], f"compose: {name} is in {network}, which is not there")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            known = (path.parent / source).exists() if source.startswith(".") else source in compose["volumes"]
            expect(known, f"compose: {name} mounts {source}, which is not there")
        expect(name == "proxy" or "ports" not in service, f"compose: only the proxy may be reached, not {name}")
        expect(service.get("restart") == "unless-stopped", f"compose: {name} does not come back after a crash")
        for needed, how in service.get("depends_on", {}).items():
            healthy = how["condition"] == "service_healthy"
            expect(not healthy or "healthcheck" in services[needed], f"compose: {needed} never gets healthy")
    for name in ("postgres", "nats"):
        expect(services[name]["networks"] == ["inside"], f"compose: {name} is for the inner network")
    expect(compose["networks"]["inside"]["internal"] is True, "compose: the inner network leads outside")
    for name, node in nodes.items():
        check_settings(f"compose, {name}", node["environment"])
        for same in ("JWT_SECRET", "DATABASE_URL", "NATS_URL", "NATS_PREFIX"):
            first = next(iter(nodes.values()))
            expect(node["environment"][same] == first["environment"][same], f"compose: {name} has a {same} of its own")
        expect("healthcheck" in node["healthcheck"]["test"], f"compose: {name} is not asked whether it is ready")
        expect(seconds(node["stop_grace_period"]) > DRAIN_SECONDS, f"compose: {name} is killed while it drains")
        expect(node["read_only"] and node["cap_drop"] == ["ALL"], f"compose: {name} has rights that it does not need")
        expect(node["ulimits"]["nofile"] >= 65536, f"compose: {name} has too few descriptors")
    behind = services["proxy"]["environment"]["CHATSERVER_NODES"].split()
    expect(behind == [f"{name}:8080" for name in nodes], f"compose: the proxy knows {behind}")
    sample = (path.parent / ".env.example").read_text()
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", text))
    expect(asked == {"JWT_SECRET", "POSTGRES_PASSWORD"}, f"compose: what has to be set is {sorted(asked)}")
    for name in asked:
        expect(re.search(rf"^{name}=$", sample, re.MULTILINE), f"compose: .env.example must ask for {name}")
    print(f"  compose: {len(services)} services fit together and the server")


def labels_of(workload):
    return workload["spec"]["template"]["metadata"]["labels"]


def selected(selector, workloads):
    return [w for w in workloads if selector.items() <= labels_of(w).items()]


def check_workload(workload):
    name = workload["metadata"]["name"]
    template = workload["spec"]["template"]["spec"]
    expect(workload["spec"]["selector"]["matchLabels"] == labels_of(workload), f"{name}: selects other pods")
    expect(template["automountServiceAccountToken"] is False, f"{name}: has a token of the cluster's")
    expect(template["securityContext"]["runAsNonRoot"] is True, f"{name}: may run as root")
    expect(template["securityContext"]["seccompProfile"]["type"] == "RuntimeDefault", f"{name}: any system call")
    for container in template["containers"]:
        rights = container["securityContext"]
        expect(rights["readOnlyRootFilesystem"] is True, f"{name}: may write to its image")
        expect(rights["allowPrivilegeEscalation"] is False, f"{name}: may gain rights")
        expect(rights["capabilities"] == {"drop": ["ALL"]}, f"{name}: has capabilities")
        expect("limits" in container["resources"], f"{name}: may take all memory")
        for mount in container.get("volumeMounts", []):
            names = [volume["name"] for volume in template["volumes"]]
            expect(mount["name"] in names, f"{name}: mounts {mount['name']}, which is not there")


def check_server(by_kind):
    workload = next(w for w in by_kind["Deployment"] if w["metadata"]["name"] == "chatserver")
    template = workload["spec"]["template"]["spec"]
    container = template["containers"][0]
    for source in container["envFrom"]:
        kind, name = ("ConfigMap", "configMapRef") if "configMapRef" in source else ("Secret", "secretRef")
        found = [o for o in by_kind[kind] if o["metadata"]["name"] == source[name]["name"]]
        expect(found, f"kubernetes: {source} is not there")
        for made in found:
            check_settings(f"kubernetes, {kind}", made.get("data") or made["stringData"])
    path = lambda probe: container[probe]["httpGet"]["path"]
    expect(path("readinessProbe") == "/readyz", "kubernetes: readiness is asked at /readyz")
    # A node that cannot write must not be restarted for it.
    expect(path("livenessProbe") == "/healthz", "kubernetes: liveness is asked at /healthz")
    pause = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    grace = template["terminationGracePeriodSeconds"]
    expect(grace > pause + DRAIN_SECONDS, f"kubernetes: {grace} s are too few for draining")
    rolling = workload["spec"]["strategy"]["rollingUpdate"]
    expect(rolling == {"maxUnavailable": 0, "maxSurge": 1}, "kubernetes: one node at a time")
    expect("replicas" not in workload["spec"], "kubernetes: the number of pods is the autoscaler's")
    environment = by_kind["ConfigMap"][0]["data"]
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    expect(ports["http"] == environment["PORT"], "kubernetes: the server listens on another port")
    expect(environment["METRICS_ADDRESS"].endswith(":" + ports["metrics"]), "kubernetes: metrics are elsewhere")
    scaler = by_kind["HorizontalPodAutoscaler"][0]["spec"]
    target = int(scaler["metrics"][0]["pods"]["target"]["averageValue"])
    expect(scaler["scaleTargetRef"]["name"] == workload["metadata"]["name"], "kubernetes: scales something else")
    expect(2 * target <= int(environment["MAX_CONNECTIONS"]), "kubernetes: no room for the clients of a lost pod")
    metric = scaler["metrics"][0]["pods"]["metric"]["name"]
    rules = documents(DEPLOY / "kubernetes/prometheus-adapter-values.yaml")[0]["rules"]["custom"]
    expect(metric in [rule["name"]["as"] for rule in rules], f"kubernetes: nothing makes {metric}")


def check_kubernetes():
    folder = DEPLOY / "kubernetes"
    files = documents(folder / "kustomization.yaml")[0]["resources"]
    on_disk = {p.name for p in folder.glob("*.yaml")} - {"kustomization.yaml", "prometheus-adapter-values.yaml"}
    expect(set(files) == on_disk, f"kubernetes: not applied, or not there: {set(files) ^ on_disk}")
    objects = [o for name in files for o in documents(folder / name)]
    for made in objects:
        try:
            kubernetes_validate.validate(made, kubernetes_validate.latest_version(), strict=True)
        except kubernetes_validate.ValidationError as error:
            expect(False, f"kubernetes: {made['kind']} {made['metadata']['name']}: {error.message}")
    by_kind = {}
    for made in objects:
        by_kind.setdefault(made["kind"], []).append(made)
    workloads = by_kind["Deployment"]
    for workload in workloads:
        check_workload(workload)
    for service in by_kind["Service"]:
        pods = selected(service["spec"]["selector"], workloads)
        expect(len(pods) == 1, f"kubernetes: the service {service['metadata']['name']} leads nowhere")
        names = {port["name"] for w in pods for c in w["spec"]["template"]["spec"]["containers"] for port in c["ports"]}
        expect({port["targetPort"] for port in service["spec"]["ports"]} <= names, "kubernetes: a port is not there")
    for kind, key in (("PodDisruptionBudget", "selector"), ("NetworkPolicy", "podSelector")):
        for made in by_kind[kind]:
            expect(selected(made["spec"][key]["matchLabels"], workloads), f"kubernetes: a {kind} is for no pod")
    services = {s["metadata"]["name"]: {p["name"] for p in s["spec"]["ports"]} for s in by_kind["Service"]}
    for rule in by_kind["Ingress"][0]["spec"]["rules"]:
        backend = rule["http"]["paths"][0]["backend"]["service"]
        expect(backend["port"]["name"] in services.get(backend["name"], ()), "kubernetes: the ingress leads nowhere")
    check_server(by_kind)
    print(f"  kubernetes: {len(objects)} objects fit their schemas, each other and the server")


def check_unit():
    unit = (DEPLOY / "systemd/chatserver.service").read_text()
    sample = (DEPLOY / "systemd/chatserver.env").read_text()
    check_settings("systemd", re.findall(r"^#?([A-Z_]+)=", sample, re.MULTILINE))
    check_settings("systemd", re.findall(r"([A-Z_]+)=", re.search(r"^Environment=(.*)$", unit, re.MULTILINE)[1]))
    stop = int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)[1])
    expect(stop > DRAIN_SECONDS, "systemd: the service is killed while it drains")


def check_others():
    """Checks that the remaining YAML files parse."""
    for path in [ROOT / "compose.yaml", *sorted(DEPLOY.rglob("*.y*ml"))]:
        expect(documents(path), f"{path.relative_to(ROOT)} is empty")


for check in (check_others, check_compose, check_kubernetes, check_unit):
    try:
        check()
    except yaml.YAMLError as error:
        expect(False, str(error))
for fault in faults:
    print(fault, file=sys.stderr)
sys.exit(1 if faults else 0)
