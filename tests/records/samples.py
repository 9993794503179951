"""One record of each kind with no field left at its default, and how a new kind's golden file is written.

    python tests/records/samples.py KIND

A golden file is written once, when a kind or a version is new, and never again: what was written must stay readable.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from selftune.records import (
    Arm,
    BaseModel,
    Build,
    BuildOrigin,
    Check,
    CheckStatus,
    Codex,
    Consent,
    Criterion,
    CriterionScore,
    CriticalFailure,
    CurvePoint,
    Dataset,
    DatasetKind,
    Decision,
    Evaluation,
    Example,
    Feedback,
    FileDigest,
    GenerationParameters,
    HealthCheck,
    Identity,
    Interaction,
    InteractionOutcome,
    ItemOutcome,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    KindCount,
    MemberVerdict,
    Message,
    Outcome,
    PairFacts,
    Parity,
    Persona,
    Pillar,
    Plot,
    Principle,
    Prompting,
    Quarantined,
    Record,
    Reject,
    Rejected,
    Release,
    Rubric,
    Run,
    RunStatus,
    ServingForm,
    ServingProof,
    Statement,
    StatementKind,
    StyleContrast,
    Suite,
    SuiteItem,
    Thread,
    ToolCall,
    Trigger,
    Weakness,
    encode_record,
)

GOLDEN = Path(__file__).parent / "golden"


def digest(digit: str) -> str:
    """A digest of one repeated digit."""
    return f"sha256:{digit * 64}"


MESSAGES = (
    Message(role="system", content='You are Ada.\nSTATE: {"name": "Zo\u00eb"}'),
    Message(role="user", content="Who am I? \u2028 \U0001f642"),
    Message(
        role="assistant",
        content="You are Zo\u00eb.",
        persona="ada",
        reasoning="the state names her",
        tool_calls=(ToolCall(name="look_up", arguments='{"key": "name"}', result="Zo\u00eb"),),
    ),
)
FILES = (FileDigest(name="model.gguf", digest=digest("a"), size_bytes=7_340_032),)
GENERATION = GenerationParameters(temperature=0.7, top_p=0.9, top_k=40, max_tokens=64, stop=("\n\n",))
PROOF = ServingProof(
    model_digest=digest("a"),
    adapter_digest=digest("b"),
    template_digest=digest("c"),
    fingerprint=digest("d"),
    server="llama.cpp b9999",
    slots=2,
)
SAMPLES: tuple[Record, ...] = (
    BaseModel(
        name="reference",
        source="package",
        architecture="llama",
        parameters=1_234_567,
        context_length=512,
        files=FILES,
        template_digest=digest("c"),
        tokenizer_digest=digest("e"),
        licence="Apache-2.0",
    ),
    Interaction(
        salt="00ff",
        conversation="talk-1",
        task_id="chat",
        trigger=Trigger.MOTIVATOR,
        messages=MESSAGES,
        source="log.jsonl",
        position="line 3",
        state='{"name": "Zo\u00eb"}',
        feedback=Feedback(thumbs=-1, correction="You are Zo\u00eb!", retried=True),
        generated_by=digest("f"),
        author="person-1",
        author_is_owner=True,
        outcome=InteractionOutcome.HUMAN_INTERVENED,
        dissonance=(0.25, 1.0),
        consent=Consent(keep=True, train=False, send=True),
        flags=("redacted",),
        happened_at="2026-01-01T00:00:00+00:00",
        rejected=(
            Rejected(at=2, messages=(Message(role="assistant", content="Zo\u00eb?"),), generated_by="small-model"),
        ),
        thread=Thread.WHOLE,
        supersedes=f"interaction:{'2' * 64}",
        last_turn_at="2026-01-01T00:01:00+00:00",
        closed=True,
    ),
    Quarantined(
        salt="01ff",
        source="log.jsonl",
        position="line 4",
        reason="no JSON",
        raw='{"messages": [\u00e9',
        consent=Consent(keep=True, train=False, send=False),
    ),
    Judgement(
        salt="02ff",
        interaction_id=f"interaction:{'1' * 64}",
        rubric_digest=digest("2"),
        judge=JudgeIdentity(name="openai", version="3", lineage=("some-model",)),
        status=JudgementStatus.UNSCORED,
        criteria=(
            CriterionScore(name="truth", reasoning="she is named", score=4.5, quotes=("Zo\u00eb is here",), spread=1.5),
            CriterionScore(name="tone", reasoning="none asked for", score=None),
        ),
        overall=4.5,
        judge_overall=5.0,
        critical_failures=("invented",),
        reason="cut off",
        attempts=3,
        prompt_tokens=100,
        completion_tokens=20,
        cost_usd=0.0125,
        flags=("unsupported",),
        cached_tokens=80,
        prompt_digest=digest("5"),
        reported_model="some-model-2026-01",
        members=(
            MemberVerdict(
                judge=JudgeIdentity(name="oracle:a", version="3", lineage=("a",)),
                status=JudgementStatus.SCORED,
                overall=4.0,
                reason="its JSON was repaired",
            ),
        ),
    ),
    Dataset(
        kind=DatasetKind.PREFERENCE,
        train=(
            Example(
                salt="03ff",
                interaction_id=f"interaction:{'1' * 64}",
                judgement_id=f"judgement:{'2' * 64}",
                messages=MESSAGES,
                rejected="You are nobody.",
                taught_by="person",
                pairing=PairFacts(
                    verdict="margin",
                    rejected_interaction_id=f"interaction:{'5' * 64}",
                    rejected_judgement_id=f"judgement:{'6' * 64}",
                    rejected_by=digest("7"),
                    margin=1.5,
                    clear=True,
                    on_policy=True,
                ),
                synthetic=True,
            ),
        ),
        holdout=(
            Example(salt="04ff", interaction_id=f"interaction:{'3' * 64}", judgement_id=None, messages=MESSAGES[1:]),
        ),
        rejects=(Reject(interaction_id=f"interaction:{'4' * 64}", reason="too short"),),
        mixture=(("log.jsonl", 0.75), ("served", 0.25)),
        watermark=12,
        config_digest=digest("5"),
        card="One example, for tests.",
        clean_room=(f"interaction:{'5' * 64}",),
        kinds=(KindCount(name="identity", before=380, after=120),),
        weaknesses=(
            Weakness(
                salt="05ff",
                criterion="tone",
                topic="greetings",
                conversations=5,
                items=7,
                mean=2.5,
                interaction_ids=(f"interaction:{'6' * 64}",),
            ),
        ),
        plots=(Plot(name="kinds", svg="<svg/>"),),
        contrasts=(StyleContrast(trait="words", chosen=80.5, rejected=120.25, n=2, low=-60.5, high=-19.0),),
        tokens=4321,
    ),
    Run(
        recipe="reference_sft",
        recipe_digest=digest("6"),
        dataset_id=f"dataset:{'7' * 64}",
        base_digest=digest("8"),
        stage_history=("sft", "dpo"),
        objective="dpo",
        backend="peft",
        status=RunStatus.OUT_OF_TIME,
        seed=42,
        steps=10,
        planned_steps=60,
        passes=1.5,
        examples=64,
        supervised_tokens=2048,
        adapter=(FileDigest(name="adapter.safetensors", digest=digest("9"), size_bytes=4096),),
        curve=(CurvePoint(step=1, loss=2.5, learning_rate=0.0002, grad_norm=0.5, eval_loss=2.25),),
        mean_abs_delta=0.001,
        wall_seconds=12.5,
        peak_memory_bytes=1_000_000,
        cost_usd=0.5,
        rejects=(Reject(interaction_id=f"interaction:{'1' * 64}", reason="too long"),),
        reason="the time budget was used up",
    ),
    Build(
        origin=BuildOrigin.RUN,
        form=ServingForm.QUANTISED,
        quantisation="Q4_K_M",
        base_digest=digest("8"),
        run_id=f"run:{'a' * 64}",
        files=FILES,
        template_digest=digest("c"),
        tokenizer_digest=digest("e"),
        system_prompt="You are Ada.",
        generation=GENERATION,
        size_bytes=7_340_032,
        tools=("selftune 0.1.0", "gguf 0.19.0"),
        parity=(Parity(name="greedy", measured=0.96, threshold=0.9, n=50),),
        manifest_signature="ab" * 64,
        prompting=Prompting.AS_SERVED,
    ),
    Evaluation(
        build_id=f"build:{'b' * 64}",
        build_digest=digest("b"),
        proof=PROOF,
        suite="state_obedience",
        suite_digest=digest("3"),
        scorer="openai",
        scorer_lineage=("some-model",),
        generation=GENERATION,
        seeds=(1, 2),
        outcomes=(
            ItemOutcome(
                item_id="i1",
                category="field",
                difficulty="easy",
                score=None,
                answer="Zo\u00eb",
                reasons=("no verdict",),
                pair="p1",
                agent="ada",
                critical_failures=("leak",),
                turn_of_break=2,
                unscored_reason="the scorer was cut off",
                repeat=1,
                tier="held_out",
                weight=0.5,
                turns=("I am Zo\u00eb.", "Zo\u00eb"),
                failure="refused",
                measures=(("paths_cited", 2.0),),
            ),
        ),
        wall_seconds=3.25,
    ),
    Decision(
        outcome=Outcome.INCONCLUSIVE,
        reason="too few pairs",
        checks=(
            Check(
                name="gain",
                status=CheckStatus.NOT_SHOWN,
                detail="the interval holds zero",
                measured=0.05,
                threshold=0.02,
                interval=(-0.01, 0.11),
                n=96,
            ),
        ),
        arms=((Arm.CHAMPION, f"evaluation:{'c' * 64}"), (Arm.PROMPT_ONLY, f"evaluation:{'d' * 64}")),
        policy="small",
        policy_digest=digest("4"),
        build_id=f"build:{'b' * 64}",
        run_id=f"run:{'a' * 64}",
        difference=0.05,
        interval=(-0.01, 0.11),
        p_value=0.125,
        n=96,
        items_needed=400,
        next_step="Add 304 pairs to the suite.",
    ),
    Release(
        version="v1.1",
        generation=1,
        alias="ada",
        build_id=f"build:{'b' * 64}",
        build_digest=digest("b"),
        model_file="ada-v1.1.gguf",
        decision_id=f"decision:{'e' * 64}",
        replaced=f"release:{'f' * 64}",
        reason="+5 points",
        config_edit=(("serving.release", "v1.0", "v1.1"),),
        approvals=(f"statement:{'0' * 64}",),
        health=(HealthCheck(name="answers", passed=True, detail="0.2 s"),),
        proof=PROOF,
    ),
    Statement(
        salt="05ff",
        author="person-1",
        author_is_model=True,
        subject=f"decision:{'e' * 64}",
        kind=StatementKind.CONCERN,
        text="It forgot Zo\u00eb.",
        said_at="2026-01-01T00:00:00+00:00",
        evidence=(f"interaction:{'1' * 64}",),
        signature="cd" * 64,
        supersedes=f"statement:{'0' * 64}",
    ),
    Suite(
        name="state_obedience",
        version="1",
        description="held-out names",
        scorer="state_obedience",
        unit="pair",
        categories=("field", "identity"),
        generation=GENERATION,
        seed=7,
        items=(
            SuiteItem(
                id="i1",
                category="field",
                behaviour="present",
                difficulty="easy",
                messages=MESSAGES[:2],
                expect='{"value": "Zo\u00eb"}',
                pair="p1",
                agent="ada",
                scorer="regex",
                reference="It says the name.",
                weight=2.0,
                tier="extended",
                follow_ups=("Are you sure?",),
                origin="interaction:1",
            ),
        ),
        repeats=30,
        purpose="regression",
    ),
    Rubric(
        name="tone",
        version="2",
        description="how it sounds",
        criteria=(Criterion(name="warmth", weight=0.5, description="kind words"),),
        lowest=0.0,
        highest=10.0,
        golden=9.0,
        persona="You listen for what lies between the words.",
        critical_failures=(CriticalFailure(name="insult", description="somebody is insulted"),),
    ),
    Codex(
        name="lighthouse",
        version="3",
        identity=Identity(
            name="the lighthouse", text="Two keepers.", principles=(Principle(name="Light", text="Keep it lit."),)
        ),
        personas=(
            Persona(
                name="KEEPER",
                role="keeper",
                text="You watch.",
                voice="You whisper.",
                pillars=(Pillar(name="Lamp", text="It burns.", weight=2.5),),
                prompt="You keep the lamp.",
            ),
        ),
        governor="KEEPER",
    ),
)


# What a kind got since, always with a default; the file of the shape before stays and must go on being read.
GROWN = {
    "interaction": "-thread",
    "quarantined": "-consent",
    "judgement": "-panel",
    "dataset": "-tokens",
    "rubric": "-persona",
    "build": "-prompting",
    "suite": "-purpose",
    "evaluation": "-turns",
}


def golden_file(record: Record) -> Path:
    """Where the golden file of a record's kind, version and newest shape lies."""
    return GOLDEN / f"{record.KIND}-v{record.VERSION}{GROWN.get(record.KIND, '')}.json"


def main() -> None:
    """Write the golden file of a new kind, version or shape."""
    (record,) = (sample for sample in SAMPLES if sys.argv[1] == sample.KIND)
    content = {"id": record.id, "record": json.loads(encode_record(record))}
    with golden_file(record).open("x", encoding="utf-8") as stream:
        stream.write(json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
