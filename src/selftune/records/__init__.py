"""The nouns: frozen records that hold the ids of the nouns before them, and nothing of what comes after.

    Interaction → Judgement → Dataset → Run → Build → Evaluation → Decision → Release

Beside the eight: `Statement` (what a person says about any record), `BlindPair` (two answers that a person chooses
between), `Quarantined` (a line that could not be read), `PromptSearch` (prompts that were tried instead of a training),
`Experiment` and `Night` (what was tried while nobody watched, and what came of it), `StudyNight` (a night of one arm),
`LiveTrial` (a candidate beside the champion on real requests),
`Session` (of any training programme, archived and never learnt from), `Model` (an entry of the registry), `Projection`
(a curve that was expected before it came), `Bundle` (what people sign before something is deployed), `Audit` and
`Reading` (what somebody set out to read of it all, and what they read), `Forgetting` (that words were erased); what
measures: `Suite` and `Rubric`; the `Codex`, which says who the system is, with each `Amendment` of it that was
proposed; and the `Tool` that a model wrote, with the `Forging` that says how.
"""

from selftune.records.amendment import Amendment, Refutation
from selftune.records.audit import Audit, AuditSection, Reading
from selftune.records.base_model import BaseModel
from selftune.records.blind_pair import BlindPair
from selftune.records.build import (
    Build,
    BuildOrigin,
    Distance,
    FileDigest,
    GenerationParameters,
    Parity,
    Prompting,
    ServingForm,
    ServingProof,
    ShownLessons,
)
from selftune.records.bundle import Bundle
from selftune.records.codec import (
    Record,
    canonical_json,
    decode_record,
    digest_bytes,
    digest_file,
    digest_of,
    digest_of_each,
    encode_record,
    erase_words,
    has_words,
    reads_back,
    record_types,
    sealed_text,
)
from selftune.records.codex import Codex, DissonanceLimits, Identity, Persona, Pillar, PlayedBy, Principle, Probe
from selftune.records.dataset import (
    Canary,
    Dataset,
    DatasetKind,
    Example,
    KindCount,
    PairFacts,
    Plot,
    Reject,
    StyleContrast,
    Weakness,
    not_erased,
)
from selftune.records.decision import Check, CheckStatus, Decision, FurtherArms, Outcome
from selftune.records.evaluation import Arm, Evaluation, ItemOutcome
from selftune.records.experiment import (
    Effect,
    Experiment,
    ExperimentResult,
    LoggedTry,
    Mode,
    Night,
    Outage,
    PartScore,
    ResultLog,
    RungTaken,
)
from selftune.records.forgetting import Forgetting
from selftune.records.interaction import (
    Consent,
    Feedback,
    Interaction,
    InteractionOutcome,
    Message,
    Quarantined,
    Rejected,
    Thread,
    ToolCall,
    Trigger,
)
from selftune.records.judgement import CriterionScore, JudgeIdentity, Judgement, JudgementStatus, MemberVerdict
from selftune.records.live_trial import GuardFound, LiveTrial
from selftune.records.model import Model
from selftune.records.projection import Projection
from selftune.records.prompt_search import PromptSearch, TriedPrompt
from selftune.records.release import HealthCheck, Release
from selftune.records.rubric import Criterion, CriticalFailure, Rubric
from selftune.records.run import CurvePoint, PartMet, Run, RunPurpose, RunStatus
from selftune.records.session import Session
from selftune.records.statement import Fact, Gravity, Statement, StatementKind
from selftune.records.study import StudyNight
from selftune.records.suite import Suite, SuiteItem
from selftune.records.tool import (
    ExampleBy,
    Forging,
    ForgingEnd,
    Tool,
    ToolAttempt,
    ToolExample,
    ToolSchema,
    ToolTest,
)

__all__ = [
    "Amendment",
    "Arm",
    "Audit",
    "AuditSection",
    "BaseModel",
    "BlindPair",
    "Build",
    "BuildOrigin",
    "Bundle",
    "Canary",
    "Check",
    "CheckStatus",
    "Codex",
    "Consent",
    "Criterion",
    "CriterionScore",
    "CriticalFailure",
    "CurvePoint",
    "Dataset",
    "DatasetKind",
    "Decision",
    "DissonanceLimits",
    "Distance",
    "Effect",
    "Evaluation",
    "Example",
    "ExampleBy",
    "Experiment",
    "ExperimentResult",
    "Fact",
    "Feedback",
    "FileDigest",
    "Forgetting",
    "Forging",
    "ForgingEnd",
    "FurtherArms",
    "GenerationParameters",
    "Gravity",
    "GuardFound",
    "HealthCheck",
    "Identity",
    "Interaction",
    "InteractionOutcome",
    "ItemOutcome",
    "JudgeIdentity",
    "Judgement",
    "JudgementStatus",
    "KindCount",
    "LiveTrial",
    "LoggedTry",
    "MemberVerdict",
    "Message",
    "Mode",
    "Model",
    "Night",
    "Outage",
    "Outcome",
    "PairFacts",
    "Parity",
    "PartMet",
    "PartScore",
    "Persona",
    "Pillar",
    "PlayedBy",
    "Plot",
    "Principle",
    "Probe",
    "Projection",
    "PromptSearch",
    "Prompting",
    "Quarantined",
    "Reading",
    "Record",
    "Refutation",
    "Reject",
    "Rejected",
    "Release",
    "ResultLog",
    "Rubric",
    "Run",
    "RunPurpose",
    "RunStatus",
    "RungTaken",
    "ServingForm",
    "ServingProof",
    "Session",
    "ShownLessons",
    "Statement",
    "StatementKind",
    "StudyNight",
    "StyleContrast",
    "Suite",
    "SuiteItem",
    "Thread",
    "Tool",
    "ToolAttempt",
    "ToolCall",
    "ToolExample",
    "ToolSchema",
    "ToolTest",
    "TriedPrompt",
    "Trigger",
    "Weakness",
    "canonical_json",
    "decode_record",
    "digest_bytes",
    "digest_file",
    "digest_of",
    "digest_of_each",
    "encode_record",
    "erase_words",
    "has_words",
    "not_erased",
    "reads_back",
    "record_types",
    "sealed_text",
]
