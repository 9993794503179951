"""Is it the right model, and does it answer? Asked before anything is switched."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from selftune.context import ChatRequest
from selftune.errors import ServingError
from selftune.records import HealthCheck, Message

if TYPE_CHECKING:
    from selftune.context import Served
    from selftune.records import ServingProof
    from selftune.release.manifest import Manifest

GREETING: Final = "Hello! Who are you?"
GREETING_TOKENS: Final = 16
_GREETING: Final = ChatRequest(messages=(Message(role="user", content=GREETING),), seed=0)


def check_health(served: Served, manifest: Manifest, *, server_may_differ: bool) -> tuple[HealthCheck, ...]:
    """Every check of a server that was just started, all passed.

    Args:
        served: The server, up and proven.
        manifest: What it should be.
        server_may_differ: After an upgrade of the server program its arithmetic may differ from the evaluated one's;
            a release refuses that, a later start of the same release serves.

    Raises:
        ServingError: a check failed; the message names it.
    """
    checks = (*compare_proofs(served.proof, manifest, server_may_differ=server_may_differ), _answers(served, manifest))
    failed = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    if failed:
        raise ServingError(
            f"{manifest.version} is not healthy: {'; '.join(failed)}.",
            next_step="Look at .selftune/logs/; what served before still serves.",
        )
    return checks


def compare_proofs(shown: ServingProof, manifest: Manifest, *, server_may_differ: bool) -> tuple[HealthCheck, ...]:
    """What the server showed against the build's files and, where it was evaluated, against that proof."""
    adapter = manifest.build.file("adapter.gguf")
    model = manifest.build.file("model.gguf")
    checks = [
        _equal("weights", shown.model_digest, model.digest if model else None),
        _equal("adapter", shown.adapter_digest, adapter.digest if adapter else None),
    ]
    evaluated = manifest.proof
    if evaluated is not None:
        checks.append(_equal("template", shown.template_digest, evaluated.template_digest))
        fingerprint = _equal("fingerprint", shown.fingerprint, evaluated.fingerprint)
        if server_may_differ and not fingerprint.passed and shown.server != evaluated.server:
            detail = f"evaluated on {evaluated.server}, served by {shown.server}"
            fingerprint = HealthCheck(name="fingerprint", passed=True, detail=detail)
        checks.append(fingerprint)
    return tuple(checks)


def _equal(name: str, shown: str | None, expected: str | None) -> HealthCheck:
    same = shown == expected
    detail = f"as recorded ({_short(shown)})" if same else f"shows {_short(shown)}, recorded is {_short(expected)}"
    return HealthCheck(name=name, passed=same, detail=detail)


def _answers(served: Served, manifest: Manifest) -> HealthCheck:
    try:
        answer = served.chat(_GREETING, replace(manifest.build.generation, max_tokens=GREETING_TOKENS))
    except ServingError as error:
        return HealthCheck(name="answers", passed=False, detail=error.message)
    said = bool(answer.text.strip())
    detail = f"{answer.completion_tokens} tokens to a greeting" if said else "an empty answer to a greeting"
    # A bare base may have nothing to say to a greeting; what was promoted for its answers may not.
    return HealthCheck(name="answers", passed=said or manifest.proof is None, detail=detail)


def _short(digest: str | None) -> str:
    return "none" if digest is None else digest.removeprefix("sha256:")[:12]
