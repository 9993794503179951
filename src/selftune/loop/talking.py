"""Sections of `selftune.toml` for a system that talks: its personas, their state, goals and tools, and its codex."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from selftune.toolforge.config import ApprovedBy


@dataclass(frozen=True, kw_only=True)
class PersonaVoice:
    """[[personas.voices]]: what one `persona` speaks through, where it is not what serves.

    `endpoint`, `model` and `api_key_env` are as under [judge]. `calls_tools` says that the model knows tools; one that
    does not is told of none.
    """

    persona: str = ""
    endpoint: str = ""
    model: str = ""
    api_key_env: str = ""
    calls_tools: bool = False
    timeout_seconds: float = 120.0


class EmbeddingChoice(StrEnum):
    """How near two texts are told by: hashed words, which need nothing, or a small model out of a wheel."""

    HASHING = "hashing"
    MINILM = "minilm"


@dataclass(frozen=True, kw_only=True)
class PersonasSection:
    """[personas]: what a dialogue may take, and who speaks through another model than the one that serves.

    So many `seconds` and `tokens` (read and said) a dialogue, `tokens_a_turn` said in one turn, `calls_a_turn` and
    `calls` of tools. Beyond this machine a voice is sent nothing unless its host stands under [egress] and [capture]
    consent is `send`, and then redacted words only. With `judged = true` the endpoint under [judge] is asked twice
    after each turn how far it stands in dissonance, beside what code measures. Dialogues that are not over lie in a
    file under `.selftune`, or where records are kept, if that is PostgreSQL, or in the database whose URL is
    `checkpoints`, written as under [store]. How near two texts are is told by `embedding`: `hashing` of their words, or
    `minilm`, a small model that is installed beside.
    """

    seconds: float = 600.0
    tokens: int = 50_000
    tokens_a_turn: int = 1024
    calls_a_turn: int = 4
    calls: int = 16
    judged: bool = False
    checkpoints: str = ""
    embedding: EmbeddingChoice = EmbeddingChoice.HASHING
    voices: tuple[PersonaVoice, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StateSection:
    """[state]: whether each dialogue begins with a state block, and what stands in it beside what is real by itself.

    With `block = true` it holds the codex's name, who speaks, the tools that may be called, `tone`, `context_level` (1
    is least, 3 all) and the fields of `memory`. Then nothing else may be called, and a turn that claims in words to do
    what is not allowed is refused by code and marked.
    """

    block: bool = False
    tone: str = ""
    context_level: int = 2
    memory: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class MotivatorSection:
    """[motivator]: whether the system sets itself goals in idle time, when, from what, and what a day may cost.

    It is off until `on = true`. Idle means that for `idle_minutes` nobody touched this machine, came, or asked.
    Between `quiet_from` and `quiet_until`, as 22:00 and 07:00, nothing begins; equal times are no quiet hours.
    `sources` are `dissonance` (dialogues that ended in it), `weakness` (what goes wrong again and again, and the
    weakest categories of the suite), `curiosity` (the codex and the topics of the log) and `model`, which asks the
    live model for a question of its own. A day's dialogues, tokens and minutes are counted from the ledger.
    """

    on: bool = False
    idle_minutes: float = 15.0
    quiet_from: str = "00:00"
    quiet_until: str = "00:00"
    dialogues_per_day: int = 10
    tokens_per_day: int = 50_000
    minutes_per_day: float = 60.0
    sources: tuple[str, ...] = ("dissonance", "weakness", "curiosity")


@dataclass(frozen=True, kw_only=True)
class ForgeSection:
    """[forge]: how tools are written, who lets them be called, and what a call may take.

    `approve` is `person`, or `pure`: code alone approves the first version of a tool that was shown to be pure; in a
    team a person signs whatever stands here. The function, and its spec before, is asked for up to `attempts` times
    and not after `seconds`. `persona` names whose model writes; without it what serves does. A call has `call_seconds`
    of the processor and `memory_mb`, and its result `result_letters`; a dialogue has `most_calls`. After `fails`
    failures in a row a tool is suspended until a person lifts that.
    """

    approve: ApprovedBy = ApprovedBy.PERSON
    attempts: int = 4
    seconds: float = 600.0
    persona: str = ""
    call_seconds: float = 2.0
    memory_mb: int = 256
    result_letters: int = 4000
    most_calls: int = 32
    fails: int = 3


@dataclass(frozen=True, kw_only=True)
class AmendmentSection:
    """[amendment]: when the codex may be changed. Whatever stands here, a person's key signs, in solo too.

    A proposal cools off for `cooling_hours` before it can be approved, and lapses after `lapse_days`. `second_person`
    is whether two people must stand behind it; where nothing is said, two must in a team.
    The personas may deliberate one where dialogues on one topic ended in high dissonance that often (`interactions`),
    over so many `days`, and where after that many approved `tools` and `generations` they still do.
    """

    cooling_hours: float = 24.0
    lapse_days: float = 30.0
    second_person: bool | None = None
    interactions: int = 6
    days: float = 7.0
    tools: int = 1
    generations: int = 2
