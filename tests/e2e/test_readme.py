"""Each command of README.md runs, as it stands there.

A comment before each block says how: ``local`` on this machine, ``cluster`` in the demo's
namespace, ``forwarded`` likewise, ending the port-forward that it starts; ``command`` with the
command on PATH; ``template`` renders what would be installed; ``dry`` and ``elsewhere`` are make
targets that CI runs itself or that need Docker: they must exist.
"""

from __future__ import annotations

import shlex
from pathlib import Path

import kubectl
import pytest
from e2e.documents import blocks, marked_blocks, shell
from e2e.installation import Installation

RENDER = "helm template --kube-version 1.31.0"
README = "README.md"


@pytest.fixture
def in_namespace(namespace: str, tmp_path: Path) -> dict[str, str]:
    """An environment whose kubectl works in a namespace of the test's own."""
    config = tmp_path / "kubeconfig"
    config.write_text(kubectl.kubectl("config", "view", "--raw", "--flatten"))
    config.chmod(0o600)
    environment = {"KUBECONFIG": str(config)}
    shell(f"kubectl config set-context --current --namespace={namespace}", environment)
    return environment


def test_every_block_says_how_it_is_run() -> None:
    known = {"local", "elsewhere", "dry", "cluster", "forwarded", "command", "removal", "template"}
    assert {way for way, _ in marked_blocks(README)} == known


def test_the_targets_exist() -> None:
    for commands in blocks(README, "local", "elsewhere", "dry"):
        for line in commands.splitlines():
            shell(f"make -n {shlex.split(line, comments=True)[1]}", {})


def test_what_eks_gets_can_be_rendered(cluster: object) -> None:
    (commands,) = blocks(README, "template")
    commands = commands.replace("kubectl create ", "kubectl create --dry-run=client -o name ")
    printed = shell(commands.replace("helm upgrade --install", RENDER), {})
    assert "namespace/perennial" in printed
    assert "secret/perennial-elasticache" in printed
    assert "kind: Deployment" in printed


def test_the_commands_for_a_cluster_work(
    perennial: Installation, in_namespace: dict[str, str], tmp_path: Path
) -> None:
    # Who types gives the port-forward a moment.
    printed = [
        shell(commands.replace(" &\n", " & sleep 3\n"), in_namespace)
        for commands in blocks(README, "cluster", "forwarded")
    ]
    assert "linear   True" in printed[0]
    assert '"prediction"' in printed[1]
    assert '"predictions"' in printed[1]
    assert "Conditions:" in printed[2]
    (commands,) = blocks(README, "command")
    told = shell(commands, in_namespace, folder=tmp_path)
    assert "version 1 serves; " in told
    assert "is published as version" in told
