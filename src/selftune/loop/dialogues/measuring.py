"""What measures the dissonance of a project's dialogues: code, and the judge beside it where that is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.loop.dialogues.voices import reach_voice
from selftune.loop.talking import EmbeddingChoice, PersonaVoice
from selftune.personas.gauges.making import make_gauge
from selftune.scoring.embedding import HashedWords

if TYPE_CHECKING:
    from selftune.loop.opened import Project
    from selftune.personas.base import Gauge
    from selftune.records import Codex
    from selftune.scoring.embedding import Embedding


def gauge_of(project: Project, codex: Codex) -> Gauge:
    """The gauge that `[personas]` asks for; nothing is reached yet.

    Raises:
        UsageError: the model that `embedding` names is not installed.
        ConfigError: a judge is wanted and [judge] names no endpoint, or one that may not be reached.
    """
    if not project.config.personas.judged:
        return make_gauge(codex, embed=embedding_of(project))
    judge = project.config.judge
    asked = PersonaVoice(
        persona=codex.governor or "the judge",
        endpoint=judge.endpoint,
        model=judge.model,
        api_key_env=judge.api_key_env,
        timeout_seconds=judge.timeout_seconds,
    )
    return make_gauge(codex, embed=embedding_of(project), judge=reach_voice(project, asked, "judge"))


def embedding_of(project: Project) -> Embedding:
    """What tells how near two texts are, as `[personas]` names it.

    Raises:
        UsageError: it is a model that is not installed.
    """
    if project.config.personas.embedding is EmbeddingChoice.HASHING:
        return HashedWords()
    from selftune.bases.sentences import load_sentences

    return load_sentences()
