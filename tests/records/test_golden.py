"""What was ever written stays readable, under the same name."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, fields, is_dataclass

import pytest
from samples import GOLDEN, SAMPLES, golden_file

import selftune.records
from selftune.records import canonical_json, decode_record, encode_record, record_types
from selftune.records.sealing import sealed

FILES = sorted(GOLDEN.glob("*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_golden_record_reads_back_under_its_name(path):
    golden = json.loads(path.read_text(encoding="utf-8"))
    record = decode_record(json.dumps(golden["record"]))
    assert record.id == golden["id"]


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.KIND)
def test_today_s_records_are_written_as_the_golden_ones(sample):
    golden = json.loads(golden_file(sample).read_text(encoding="utf-8"))
    assert json.loads(encode_record(sample)) == golden["record"]
    assert sample.id == golden["id"]
    assert decode_record(encode_record(sample)) == sample


def test_every_kind_has_a_sample_and_so_a_golden_file_of_its_newest_version():
    assert {sample.KIND for sample in SAMPLES} == set(record_types())
    assert {golden_file(sample) for sample in SAMPLES} <= set(FILES)


def without_salts(value) -> str:
    """What an id covers, worked out anew: the test's own reading of the rule, for kinds that salt nothing."""
    if is_dataclass(value):
        kept = {f.name: without_salts(getattr(value, f.name)) for f in fields(value) if differs(value, f)}
        return "{" + ",".join(f'"{name}":{kept[name]}' for name in sorted(kept)) + "}"
    if isinstance(value, tuple):
        return "[" + ",".join(map(without_salts, value)) + "]"
    return canonical_json(value)


def differs(value, field) -> bool:
    return field.default is MISSING or getattr(value, field.name) != field.default


def test_an_id_is_the_digest_of_kind_version_and_all_fields_that_are_not_at_their_default():
    release = next(sample for sample in SAMPLES if sample.KIND == "release")
    body = without_salts(release)
    merged = json.loads(body) | {"record": "release", "v": 1}
    text = json.dumps(merged, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert release.id == f"release:{hashlib.sha256(text.encode()).hexdigest()}"


def test_no_sample_leaves_a_field_at_its_default():
    # Else a field could be lost on the way without a test that sees it. `keep` is the one value left in consent.
    seen = {}
    for sample in SAMPLES:
        collect(sample, seen)
    assert {name for name, values in seen.items() if len(values) == 1 and values == {"default"}} == {"Consent.keep"}


def collect(value, seen) -> None:
    if is_dataclass(value):
        for field in fields(value):
            name = f"{type(value).__name__}.{field.name}"
            seen.setdefault(name, set()).add("set" if differs(value, field) else "default")
            collect(getattr(value, field.name), seen)
    elif isinstance(value, tuple):
        for item in value:
            collect(item, seen)


def test_what_an_id_covers_holds_no_word_of_a_person():
    for sample in SAMPLES:
        covered = canonical_json(sealed(sample))
        # The texts that measure, and what a served model answered to them, quote nobody.
        if sample.KIND not in {"suite", "evaluation"}:
            assert "Zo\u00eb" not in covered
            assert "person-1" not in covered


def test_the_public_names_are_these():
    assert selftune.records.__all__ == [
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
    assert all(hasattr(selftune.records, name) for name in selftune.records.__all__)
