"""`selftune.toml`: what a project is. Sections it leaves out are defaults; a key that nobody reads is refused."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.registry import REFERENCE
from selftune.codex.reading import DEFAULT_CODEX
from selftune.errors import MissingFileError
from selftune.interactions.config import REDACTED
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.fronting import (
    CanarySection,
    DashboardSection,
    GatewaySection,
    NotifySection,
    OtelSection,
    StoreSection,
)
from selftune.loop.talking import AmendmentSection, ForgeSection, MotivatorSection, PersonasSection, StateSection
from selftune.records import Prompting
from selftune.settings import from_mapping, read_text, read_toml

if TYPE_CHECKING:
    from pathlib import Path

CONFIG_FILE: Final = "selftune.toml"
_CORRECT: Final = "Correct that line; what serves goes on serving."
GENERAL: Final = "general"
"""The suite that asks whether a model got dumber."""


class Profile(StrEnum):
    """Who works with the project: one person without keys and roles, or a team with approvals."""

    SOLO = "solo"
    TEAM = "team"


@dataclass(frozen=True, kw_only=True)
class ProjectSection:
    """[project]: its name, its profile, and the seed all chance comes from."""

    name: str = "selftune"
    profile: Profile = Profile.SOLO
    seed: int = 0


@dataclass(frozen=True, kw_only=True)
class BaseSection:
    """[base]: the name under which the base was added."""

    name: str = REFERENCE


@dataclass(frozen=True, kw_only=True)
class CodexSection:
    """[codex]: who the system is, by name or path: what rubrics quote, and what each persona is called with."""

    name: str = DEFAULT_CODEX


@dataclass(frozen=True, kw_only=True)
class CaptureSection:
    """[capture]: more answers per new prompt, for how many of them, how freely; minutes until silence ends a talk.

    `consent` is how far one may go with words that no mark and no import says more of: keep, train or send. `redact`
    names the kinds of secrets that become placeholders, `quarantine` those whose conversation is held back, `owners`
    the names whose words are an owner's.
    """

    answers_per_prompt: int = 3
    most_prompts: int = 500
    temperature: float = 0.9
    slots: int = 8
    idle_minutes: float = 30.0
    consent: ConsentLevel = ConsentLevel.TRAIN
    redact: tuple[str, ...] = REDACTED
    quarantine: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PanelMember:
    """[[judge.members]]: one judge of a panel: where it is and what its tokens cost."""

    name: str = "oracle"
    endpoint: str = ""
    model: str = ""
    api_key_env: str = ""
    usd_per_million_input: float = 0.0
    usd_per_million_output: float = 0.0
    usd_per_million_cached_input: float | None = None


@dataclass(frozen=True, kw_only=True)
class JudgeSection:
    """[judge]: the judge that chooses what is learnt, its rubric, and for an endpoint where it is and what it costs.

    `at_once` bounds the calls at a time, `budget_usd` what one night's judging may cost. A `panel` has `members`, each
    written as a [[judge.members]] of its own with name, endpoint, model, api_key_env and prices; it needs a verdict of
    `quorum` of them, and marks a verdict where they lie further apart than `disagreement`, a share of the scale.
    """

    name: str = "checks"
    rubric: str = "state_obedience"
    endpoint: str = ""
    model: str = ""
    api_key_env: str = ""
    at_once: int = 8
    timeout_seconds: float = 120.0
    usd_per_million_input: float = 0.0
    usd_per_million_output: float = 0.0
    usd_per_million_cached_input: float | None = None
    budget_usd: float | None = None
    members: tuple[PanelMember, ...] = ()
    quorum: int = 2
    disagreement: float = 0.25


@dataclass(frozen=True, kw_only=True)
class TeacherSection:
    """[teacher]: a model that answers in place of the one that learns: where it is and what its tokens cost.

    With `corrects = true` it writes anew, in each cycle, up to `most_corrections` answers that are in doubt or below
    the threshold; a correction is judged as any answer is, and learnt from only if it is golden and better than what it
    corrects. `budget_usd` is what one night's corrections may cost. Beyond this machine it is sent nothing unless its
    host stands under [egress], and then only words whose consent includes `send`.
    """

    endpoint: str = ""
    model: str = ""
    api_key_env: str = ""
    corrects: bool = False
    most_corrections: int = 100
    max_tokens: int = 1024
    at_once: int = 8
    timeout_seconds: float = 120.0
    usd_per_million_input: float = 0.0
    usd_per_million_output: float = 0.0
    usd_per_million_cached_input: float | None = None
    budget_usd: float | None = None


class Uncalibrated(StrEnum):
    """Whether a judge may choose lessons before people have been shown to agree with it."""

    ALLOWED = "allowed"
    REFUSED = "refused"


@dataclass(frozen=True, kw_only=True)
class CalibrationSection:
    """[calibration]: what a judge must reach to be called calibrated, and whether another may choose lessons.

    `least_kappa` is the weighted kappa against people over `least_labels` interactions, `least_swap_consistency` the
    share of comparisons whose winner stays when the answers change places. With `uncalibrated = "refused"` no cycle
    begins before; every report says so either way. `spoiled_copies` shows a judge that is a model a spoiled copy of
    each answer it would let in, one call more for each: one that finds the copy as good has been talked round. After
    each cycle's verdicts it is given ten fixed transcripts, its `canaries`, unless its budget is limited.
    """

    least_kappa: float = 0.60
    least_labels: int = 200
    least_swap_consistency: float = 0.85
    uncalibrated: Uncalibrated = Uncalibrated.ALLOWED
    spoiled_copies: bool = True
    canaries: bool = True


@dataclass(frozen=True, kw_only=True)
class CurationSection:
    """[curation]: how many new golden items start a training, from which overall on, what is learnt, in which shares.

    `data_mix_ratio` is the share of real examples among real and synthetic ones, 0.1 to 0.9; 0 sets no rule.
    `sure` is how likely an answer must be golden, given all scores of it and the judges' noise; 0 asks for nothing.
    `kind` is sft, preference or thumbs; only pairs of answers have `teachers`, a `judge_noise`, a `length_ratio` and a
    `length_gap`.
    `rendering` is how dialogues of personas are learnt: `dialogue`, one answer with their turns in order, or
    `as_served`, one example for each call of a persona under its own system message. It must be as the release is
    prompted.
    `trigger` = 0 leaves it to the profile: in solo as many as let the gate see a gain (20 to 500), in team 500.
    `max_share_motivator` is the most that may answer what the system asked itself in idle time.
    `canaries` is how many made-up facts at most are told beside lessons when they are taught, one for every 25 of
    these; what a candidate recites of them beyond the base is a veto. 0 plants none.
    `floors` and `mixture` are tables of their own: a kind of behaviour (or an origin, source or teacher) and its share.
    """

    kind: str = "sft"
    trigger: int = 0
    threshold: float = 4.5
    sure: float = 0.0
    holdout_share: float = 0.1
    clean_room_share: float = 0.2
    answers_per_prompt: int = 2
    selection: str = "best"
    max_share_per_author: float = 0.02
    max_share_of_few_authors: float = 1.0
    max_share_motivator: float = 0.5
    max_share_per_kind: float = 1.0
    max_share_per_template: float = 1.0
    one_sided_above: float = 0.75
    floors: tuple[tuple[str, float], ...] = ()
    mix_by: str = "kind"
    mixture: tuple[tuple[str, float], ...] = ()
    most_repeats: int = 1
    data_mix_ratio: float = 0.0
    teachers: tuple[str, ...] = ()
    judge_noise: float = 0.5
    length_ratio: float = 2.0
    length_gap: float = 0.1
    rendering: Prompting = Prompting.DIALOGUE
    canaries: int = 16


@dataclass(frozen=True, kw_only=True)
class TrainingSection:
    """[training]: the recipe, by name or path; "none" trains nothing, and the best prompt is the candidate."""

    recipe: str = "reference_sft"


@dataclass(frozen=True, kw_only=True)
class PromptSection:
    """[prompt]: how a system prompt is searched for, where nothing is trained, on the ladder, or by `selftune prompt`.

    So many `answers` are asked of the base at most, each judged by the judge of the lessons (0 searches for nothing),
    and so many lessons are `shown` in a prompt at most. `budget_usd` is what judging them may cost; without it as much
    as a night's judging under [judge]. A prompt named as `prompt_only` under [evaluation] is tried with the others.
    """

    answers: int = 400
    shown: int = 4
    budget_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class MachineSection:
    """[machine]: what this machine draws while it trains, and what an hour of it and its current cost.

    0 says nothing. Energy and money of a run are estimates from it; the machine's own counters come before `watts`
    where they can be read. `ssh` (`user@host`) is another machine, on which a recipe with `backend = "ssh"` trains;
    `ssh_selftune` is what selftune is called there, and `ssh_memory_gb` what it may use of its memory; 0: it is asked.
    """

    watts: float = 0.0
    usd_per_hour: float = 0.0
    usd_per_kwh: float = 0.0
    ssh: str = ""
    ssh_selftune: str = "selftune"
    ssh_memory_gb: float = 0.0


@dataclass(frozen=True, kw_only=True)
class BuildSection:
    """[build]: the serving form and the number type of a candidate, and how dialogues are brought to what serves.

    `form` is `adapter`, `merged`, `quantised`, or `folder`: merged, as a Hugging Face folder beside the GGUF file.
    `prompting` is a fact of the first release and of every one after it: one call for a whole `dialogue`, or,
    `as_served`, one for each turn of a persona.
    """

    form: str = "merged"
    quantisation: str = "F16"
    prompting: Prompting = Prompting.DIALOGUE


@dataclass(frozen=True, kw_only=True)
class EvaluationSection:
    """[evaluation]: the suite, by name or path, how often it is asked, and in how many slots.

    `further` names suites beside it: they may stop a candidate, by what the policy asks of them, and never promote one.
    Where it is not said, `general` is one, so that no model gets dumber by what it learns; not on the base `reference`,
    which can answer none of it. `further = []` asks nothing more.
    A project's own `suites/regression.yaml` is one of them without being named, and so are up to `holdout_items`
    prompts of the log that were held out (0 for none), where there is a judge that may grade them. `prompt_only` is a
    system prompt that training must beat on the untuned base; without one it is a few of the lessons, shown instead of
    learnt, and "none" is for no such control.
    """

    suite: str = "state_obedience"
    further: tuple[str, ...] = ()
    repeats: int = 1
    slots: int = 8
    prompt_only: str = ""
    holdout_items: int = 200


@dataclass(frozen=True, kw_only=True)
class GateSection:
    """[gate]: the policy a promotion must meet, by name or path, and whether a `ladder` of builds competes for it.

    With the ladder a prompt, the adapter, the merged and the quantised model are all measured, each at its share of
    alpha, and the simplest that is not inferior by the least gain is released.
    """

    policy: str = "small"
    ladder: bool = False


@dataclass(frozen=True, kw_only=True)
class GateJudgeSection:
    """[gate_judge]: the judge that grades what code can't, on suites that ask for one and on what was held out.

    It is another one than under [judge]: who chose the lessons does not grade the exam, nor does kin of the model.
    Where a suite names no rubric, `rubric` is it. Without a `name` there is no such judge: suites that need one are
    refused, and what was held out is graded only where the judge of the lessons is code. `budget_usd` is what grading
    one arm on one suite may cost.
    """

    name: str = ""
    rubric: str = "golden"
    endpoint: str = ""
    model: str = ""
    api_key_env: str = ""
    at_once: int = 8
    timeout_seconds: float = 120.0
    usd_per_million_input: float = 0.0
    usd_per_million_output: float = 0.0
    usd_per_million_cached_input: float | None = None
    budget_usd: float | None = None


@dataclass(frozen=True, kw_only=True)
class ServingSection:
    """[serving]: what serves now (edited by release), with what, where, and when the server may rest (0: never).

    `driver` is `llama.cpp`, which comes with selftune; `llama_server`, the one on the PATH, such as one that was built
    for a graphics card; or what runs on this machine already: `ollama` (`OLLAMA_HOST` names its port) or `vllm`
    (`VLLM_URL`). What is evaluated is served by it too.
    """

    model: str = ""
    release: str = ""
    driver: str = "llama.cpp"
    port: int = 0
    idle_minutes: float = 0.0


@dataclass(frozen=True, kw_only=True)
class GovernanceSection:
    """[governance]: promotions after which a person must look, and how long a promotion may wait for its approval."""

    approve_every: int = 5
    expiry_hours: float = 168.0


class OnlyWhen(StrEnum):
    """What a machine must be for a night to use it; `auto`: with a battery the last of these, else the first."""

    AUTO = "auto"
    ALWAYS = "always"
    PLUGGED_IN = "plugged_in"
    PLUGGED_IN_AND_IDLE = "plugged_in_and_idle"


class NodeChoice(StrEnum):
    """Which base a night tries recipes on: a small one that stands in, the one that serves, or what answers."""

    AUTO = "auto"
    PROXY = "proxy"
    FULL = "full"


class FreeDevice(StrEnum):
    """Whether what serves makes room for a training."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


class EngineChoice(StrEnum):
    """Who trains a night's tries: this process one after the other, or several of a Ray cluster on this machine."""

    SERIAL = "serial"
    RAY = "ray"


@dataclass(frozen=True, kw_only=True)
class NightlySection:
    """[nightly]: how long a night may last, how much is tried in it, who proposes, and what it may cost.

    A night begins `at` a time of day, and no experiment in it that can't end before `until`, by this machine's clock.
    `proposer` is `grid`, `one_factor`, `optuna` or `llm`, which asks the `model` at `endpoint`; where it can't answer,
    `one_factor` proposes. With `arms` the time goes to so many tries at once, of which the best quarter is trained
    further, rung by rung.
    So many notes of tries are kept in `memory/events`; older ones are moved to `memory/archive`.
    Adapters of tries that were not kept stay; beyond `adapters_kept_gb` the oldest are moved into `adapters_archive`.
    `only_when` is `always`, `plugged_in` or `plugged_in_and_idle`, where idle means untouched for `idle_minutes`;
    `auto` is the last of these on a machine with a battery. Where a timer is installed and no night came to its end for
    `silent_days`, that is an alarm.
    Of a whole suite that is named as screen, so many `screen_items` are asked.
    `mode` says what is trained: `full` the project's base, on the machine that [machine] names where it names one;
    `proxy` the base `proxy_base`, here, whose tries promote nothing; `auto` is `full` while that machine answers, else
    `proxy`. One training takes up to `full_minutes` or `proxy_minutes`.
    `free_device` says whether what serves rests while a training runs: `always`, `never`, or `auto`, which is where a
    card is needed by both or memory is too little for both. `budget_judge_calls` is how often a judge may be called.
    `engine` is `serial`, which trains one try after the other, or `ray`: so many `workers` of a cluster on this machine
    train that many tries at once, each with one thread.
    """

    at: str = "02:00"
    until: str = "05:00"
    max_experiments: int = 4
    arms: int = 0
    proposer: str = "one_factor"
    endpoint: str = ""
    model: str = ""
    api_key_env: str = ""
    budget_usd: float | None = None
    notes_kept: int = 200
    adapters_kept_gb: float = 0.0
    adapters_archive: str = ""
    only_when: OnlyWhen = OnlyWhen.AUTO
    idle_minutes: float = 15.0
    silent_days: float = 3.0
    screen_items: int = 42
    mode: NodeChoice = NodeChoice.AUTO
    proxy_base: str = ""
    proxy_minutes: float = 15.0
    full_minutes: float = 30.0
    free_device: FreeDevice = FreeDevice.AUTO
    budget_judge_calls: int | None = None
    engine: EngineChoice = EngineChoice.SERIAL
    workers: int = 2


@dataclass(frozen=True, kw_only=True)
class EgressSection:
    """[egress]: endpoints beyond this machine that may be called; none unless named."""

    allow: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class BenchmarkModel:
    """[[benchmark.models]]: a model of others: where it is and what its tokens cost, None where nobody knows."""

    name: str
    endpoint: str
    model: str = ""
    api_key_env: str = ""
    usd_per_million_input: float | None = None
    usd_per_million_output: float | None = None


@dataclass(frozen=True, kw_only=True)
class BenchmarkSection:
    """[benchmark]: `models` that `selftune benchmark` knows by name, and how many seconds one answer may take.

    Each is a [[benchmark.models]] of its own with name, endpoint, model (its name, unless it is called otherwise
    there), api_key_env and both prices.
    """

    models: tuple[BenchmarkModel, ...] = ()
    timeout_seconds: float = 120.0


@dataclass(frozen=True, kw_only=True)
class ProjectConfig:
    """The whole file."""

    project: ProjectSection = field(default_factory=ProjectSection)
    base: BaseSection = field(default_factory=BaseSection)
    codex: CodexSection = field(default_factory=CodexSection)
    capture: CaptureSection = field(default_factory=CaptureSection)
    judge: JudgeSection = field(default_factory=JudgeSection)
    calibration: CalibrationSection = field(default_factory=CalibrationSection)
    teacher: TeacherSection = field(default_factory=TeacherSection)
    curation: CurationSection = field(default_factory=CurationSection)
    training: TrainingSection = field(default_factory=TrainingSection)
    prompt: PromptSection = field(default_factory=PromptSection)
    machine: MachineSection = field(default_factory=MachineSection)
    build: BuildSection = field(default_factory=BuildSection)
    evaluation: EvaluationSection = field(default_factory=EvaluationSection)
    gate: GateSection = field(default_factory=GateSection)
    gate_judge: GateJudgeSection = field(default_factory=GateJudgeSection)
    serving: ServingSection = field(default_factory=ServingSection)
    governance: GovernanceSection = field(default_factory=GovernanceSection)
    nightly: NightlySection = field(default_factory=NightlySection)
    motivator: MotivatorSection = field(default_factory=MotivatorSection)
    egress: EgressSection = field(default_factory=EgressSection)
    benchmark: BenchmarkSection = field(default_factory=BenchmarkSection)
    personas: PersonasSection = field(default_factory=PersonasSection)
    state: StateSection = field(default_factory=StateSection)
    amendment: AmendmentSection = field(default_factory=AmendmentSection)
    forge: ForgeSection = field(default_factory=ForgeSection)
    store: StoreSection = field(default_factory=StoreSection)
    gateway: GatewaySection = field(default_factory=GatewaySection)
    dashboard: DashboardSection = field(default_factory=DashboardSection)
    canary: CanarySection = field(default_factory=CanarySection)
    otel: OtelSection = field(default_factory=OtelSection)
    notify: NotifySection = field(default_factory=NotifySection)


def load_config(folder: Path) -> ProjectConfig:
    """The project's config as it stands on disk.

    Raises:
        MissingFileError: there is no `selftune.toml` in the folder.
        ConfigError: it is not TOML, or holds an unknown key or a wrong value; the message names it.
    """
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise MissingFileError(
            f"there is no {CONFIG_FILE} in {folder.resolve()}.",
            next_step="Run `selftune init` there, or name the folder with --project.",
        )
    return read_config(read_text(path, str(path), next_step=_CORRECT), str(path))


def read_config(text: str, where: str = CONFIG_FILE) -> ProjectConfig:
    """The config that a text is; errors as `load_config`, which name `where`."""
    return from_mapping(ProjectConfig, _with_general(read_toml(text, where, next_step=_CORRECT)), CONFIG_FILE)


def _with_general(table: dict[str, Any]) -> dict[str, Any]:
    """The file's tables, in which it is asked whether a model got dumber unless its owner says otherwise."""
    base, evaluation = table.get("base", {}), table.get("evaluation", {})
    if not isinstance(base, dict) or not isinstance(evaluation, dict) or base.get("name", REFERENCE) == REFERENCE:
        return table
    return {**table, "evaluation": {"further": [GENERAL], **evaluation}}


@dataclass(frozen=True, kw_only=True)
class Beginning:
    """What a template says in a new config: who the system is and who judges it, an endpoint with its model."""

    codex: str
    judge: str
    rubric: str
    endpoint: str = ""
    model: str = ""


def new_config_text(
    *,
    name: str,
    base: str,
    recipe: str,
    suite: str,
    profile: Profile,
    further: tuple[str, ...] | None = None,
    beginning: Beginning | None = None,
) -> str:
    """The text that `init` writes: at most 15 lines, comments included."""
    named = (GENERAL,) if further is None and base != REFERENCE else further
    beside = "" if named is None else f"further = {json.dumps(named)}  # may stop a candidate, and never promote one\n"
    kind = f'profile = "{profile.value}"  # solo: one person, no keys, no roles; team: approvals and an audit trail\n'
    return f"""\
# What this project is. What is not said here is a default: `selftune config` prints everything in force.
{"" if beginning is None else _beginning_text(beginning)}[project]
name = "{name}"
{kind if beginning is None or profile is not Profile.SOLO else ""}[base]
name = "{base}"
[training]
recipe = "{recipe}"
[evaluation]
suite = "{suite}"
{beside}[serving]  # edited by `selftune release` and `selftune rollback`
model = ""
release = ""
"""


def _beginning_text(beginning: Beginning) -> str:
    """Two lines, which stand before the first section."""
    said = {"name": beginning.judge, "rubric": beginning.rubric}
    said |= {"endpoint": beginning.endpoint, "model": beginning.model} if beginning.endpoint else {}
    judge = ", ".join(f"{key} = {json.dumps(value)}" for key, value in said.items())
    return f"codex.name = {json.dumps(beginning.codex)}  # who the system is\njudge = {{ {judge} }}\n"
