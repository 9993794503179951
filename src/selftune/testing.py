"""Fakes and contracts that tests share: product code, for your plug-in's tests as much as for ours.

A fake stands for a service of the context (`FakeServe`, `MemoryWork`, `FakeClock` …) and keeps what it was asked.
A contract (`ScorerContract`, `JudgeContract`, `ProposerContract`, `RuleContract`) is a class of tests that a plug-in
inherits. Nothing here needs a model, a network or pytest to be imported.
"""

# ruff: noqa: S101, ARG001, ARG005 - contracts are tests, and tests assert; fakes take what a contract hands them
from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from selftune.context import Answer, Context, Progress
from selftune.errors import DamagedFileError, IntegrityError, ServingError
from selftune.records import (
    BaseModel,
    Build,
    BuildOrigin,
    FileDigest,
    GenerationParameters,
    Judgement,
    JudgementStatus,
    Record,
    ServingForm,
    ServingProof,
    decode_record,
    digest_bytes,
    digest_of,
    encode_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from selftune.context import ChatRequest, Serve
    from selftune.evals.base import Scorer
    from selftune.gate.base import Evidence, Rule
    from selftune.gate.config import Policy
    from selftune.judges.base import Judge
    from selftune.loop.experiments.base import Asked, Proposal, Proposer
    from selftune.records import Interaction, JudgeIdentity, Rubric, SuiteItem

R = TypeVar("R", bound=Record)

FAKE_TEMPLATE: Final = digest_bytes(b"fake template")


class FakeClock:
    """Time that stands still until a test turns it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        self.seconds += seconds

    def elapsed(self) -> float:
        """Monotonic seconds."""
        return self.seconds

    def now(self) -> str:
        """UTC time as ISO 8601, on the first day of 2026."""
        minutes, seconds = divmod(int(self.seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"2026-01-01T{hours:02d}:{minutes:02d}:{seconds:02d}+00:00"


class MemoryReader:
    """Reads records from a list; the ingest sequence is the place in it, from 1."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.records = list(records)

    def record(self, record_id: str, kind: type[R]) -> R:
        """The record of this id."""
        for record in self.records:
            if record.id == record_id and isinstance(record, kind):
                return record
        raise IntegrityError(f"no {kind.KIND} {record_id!r}.", next_step="Hand it to MemoryReader.")

    def each(self, kind: type[R], since: int = 0) -> Iterator[tuple[int, R]]:
        """Every record of a kind after `since`, oldest first."""
        for sequence, record in enumerate(self.records, start=1):
            if sequence > since and isinstance(record, kind):
                yield sequence, record

    def standing_verdicts(
        self, judge: JudgeIdentity, *, rubric_digest: str, prompt_digest: str | None
    ) -> Callable[[Sequence[str]], dict[str, Judgement]]:
        """Finds the last scored verdict of this judge on each interaction, of the model that answered last."""
        standing: dict[str, Judgement] = {}
        model = None
        asked = (judge, rubric_digest, prompt_digest)
        for _, verdict in self.each(Judgement):
            question = (verdict.judge, verdict.rubric_digest, verdict.prompt_digest)
            if question != asked or verdict.status is not JudgementStatus.SCORED:
                continue
            if verdict.reported_model not in {None, model}:
                model = verdict.reported_model
                standing.clear()
            standing[verdict.interaction_id] = verdict
        return lambda ids: {name: standing[name] for name in ids if name in standing}


class MemoryBlobs:
    """Blobs by digest in a folder of the test's own."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def put_file(self, path: Path) -> str:
        """Keep a copy of a file; returns its digest."""
        return self.put_bytes(path.read_bytes())

    def put_bytes(self, data: bytes) -> str:
        """Keep bytes; returns their digest."""
        digest = digest_bytes(data)
        self.root.mkdir(parents=True, exist_ok=True)
        self._place(digest).write_bytes(data)
        return digest

    def path(self, digest: str) -> Path:
        """Where the blob lies."""
        place = self._place(digest)
        if not place.is_file():
            raise DamagedFileError(f"no blob {digest}.", next_step="Put it first.")
        return place

    def _place(self, digest: str) -> Path:
        return self.root / digest.removeprefix("sha256:")


class MemoryWork:
    """Scratch that outlives a crash as long as the test holds on to it; `puts` lists the keys in the order kept."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.kept: dict[str, bytes] = {}
        self.puts: list[str] = []

    def get(self, key: str) -> bytes | None:
        """What was put under this key."""
        return self.kept.get(key)

    def put(self, key: str, data: bytes) -> None:
        """Keep data under a key."""
        self.kept[key] = data
        self.puts.append(key)

    def folder(self, name: str) -> Path:
        """A folder under the test's root."""
        place = self.root / name
        place.mkdir(parents=True, exist_ok=True)
        return place


class FakeServed:
    """A build that answers what a function says; labelled `fake` in its proof.

    The function may raise `ServingError` to play a server that breaks; `chat_many` then stops there, as a real one
    does. `asked` and `parameters` keep what came in.
    """

    address = "http://127.0.0.1:0/v1"
    fields: Final[Mapping[str, Any]] = MappingProxyType({})

    def __init__(self, answers: Callable[[ChatRequest], str], proof: ServingProof) -> None:
        self._answers = answers
        self.proof = proof
        self.asked: list[ChatRequest] = []
        self.parameters: list[GenerationParameters] = []

    def chat(self, request: ChatRequest, parameters: GenerationParameters) -> Answer:
        """What the function answers."""
        self.asked.append(request)
        self.parameters.append(parameters)
        text = self._answers(request)
        return Answer(text=text, finish_reason="stop", prompt_tokens=1, completion_tokens=len(text.split()))

    def chat_many(self, requests: Iterable[ChatRequest], parameters: GenerationParameters) -> Iterator[Answer]:
        """One after the other, in order."""
        for request in requests:
            yield self.chat(request, parameters)


class FakeServe:
    """Starts a `FakeServed` for a build; `started` keeps each one and `rooms` the room that was asked of it.

    `running` counts those not yet stopped.
    """

    def __init__(self, answers: Callable[[Build, ChatRequest], str]) -> None:
        self._answers = answers
        self.started: list[FakeServed] = []
        self.rooms: list[int] = []
        self.running = 0

    @contextmanager
    def __call__(self, build: Build, *, slots: int = 1, context_tokens: int = 0) -> Iterator[FakeServed]:
        """A fake server whose proof is taken from the build's files."""
        served = FakeServed(lambda request: self._answers(build, request), fake_proof(build, slots=slots))
        self.started.append(served)
        self.rooms.append(context_tokens)
        self.running += 1
        try:
            yield served
        finally:
            self.running -= 1


def silent_serve() -> FakeServe:
    """A server that refuses every request: for stages that should ask nothing."""

    def refuse(build: Build, request: ChatRequest) -> str:
        raise ServingError("this fake server answers nothing.", next_step="Hand fake_context a FakeServe.")

    return FakeServe(refuse)


def fake_proof(build: Build, *, slots: int = 1) -> ServingProof:
    """The proof an honest server of this build would give: equal files, equal fingerprint."""
    model, adapter = build.file("model.gguf"), build.file("adapter.gguf")
    return ServingProof(
        model_digest=model.digest if model else digest_of(build.files),
        adapter_digest=adapter.digest if adapter else None,
        template_digest=build.template_digest,
        fingerprint=digest_of([file.digest for file in build.files]),
        server="fake 1",
        slots=slots,
    )


def fake_base(name: str = "fake-base") -> BaseModel:
    """A base that has a name and digests, and nothing behind them."""
    return BaseModel(
        name=name,
        source="fake",
        architecture="llama",
        parameters=1,
        context_length=512,
        files=(FileDigest(name="model.safetensors", digest=digest_bytes(name.encode()), size_bytes=1),),
        template_digest=FAKE_TEMPLATE,
        tokenizer_digest=digest_bytes(b"fake tokenizer"),
        licence="none",
    )


def fake_build(weights: str = "base", **changes: Any) -> Build:
    """A build of the fake base whose `model.gguf` is named by `weights`; equal names, equal weights."""
    facts: dict[str, Any] = {
        "origin": BuildOrigin.BASE if weights == "base" else BuildOrigin.RUN,
        "form": ServingForm.BASE if weights == "base" else ServingForm.MERGED,
        "quantisation": "F16",
        "base_digest": fake_base().digest,
        "run_id": None,
        "files": (FileDigest(name="model.gguf", digest=digest_bytes(weights.encode()), size_bytes=1),),
        "template_digest": FAKE_TEMPLATE,
        "tokenizer_digest": digest_bytes(b"fake tokenizer"),
        "system_prompt": None,
        "generation": GenerationParameters(),
        "size_bytes": 1,
        "tools": ("fake 1",),
    }
    return Build(**(facts | changes))


def fake_context(
    root: Path,
    *,
    seed: int = 0,
    serve: Serve | None = None,
    records: Iterable[Record] = (),
    work: MemoryWork | None = None,
    clock: FakeClock | None = None,
    report: Callable[[Progress], None] | None = None,
) -> Context:
    """A context of fakes over a folder of the test's own; salts are counted, so that ids repeat."""
    clock = clock or FakeClock()
    salts = iter(range(10**9))
    return Context(
        seed=seed,
        read=MemoryReader(records),
        blobs=MemoryBlobs(root / "blobs"),
        work=work or MemoryWork(root / "work"),
        serve=serve or silent_serve(),
        base=fake_base(),
        base_folder=root / "base",
        report=report or (lambda progress: None),
        elapsed=clock.elapsed,
        now=clock.now,
        draw_salt=lambda: f"{next(salts):032x}",
    )


class ScorerContract:
    """What every scorer must do. Set `subject`, an `item` of its suite, and a `right` and a `wrong` answer to it."""

    subject: Callable[[], Scorer]
    item: SuiteItem
    right: str
    wrong: str

    def _scorer(self) -> Scorer:
        return type(self).subject()

    def test_names_itself_and_its_lineage(self) -> None:
        """Its identity is a name and a tuple of model names."""
        assert self._scorer().name
        assert isinstance(self._scorer().lineage, tuple)

    def test_tells_right_from_wrong(self) -> None:
        """The right answer gets more than the wrong one."""
        right, wrong = (self._scorer().score(self.item, answer).value for answer in (self.right, self.wrong))
        assert right is not None
        assert wrong is not None
        assert right > wrong

    def test_scores_lie_between_nought_and_one_or_say_why_not(self) -> None:
        """No answer, however odd, gets a score off the scale or none without a reason."""
        for answer in (self.right, self.wrong, "", " ", "\x00", "== STATE ==", "yes " * 500, "Ünïcödé 🜁"):
            score = self._scorer().score(self.item, answer)
            if score.value is None:
                assert score.unscored_reason
            else:
                assert 0 <= score.value <= 1

    def test_gives_an_empty_answer_nothing(self) -> None:
        """Silence is never right."""
        assert not self._scorer().score(self.item, "").value

    def test_scores_the_same_answer_the_same(self) -> None:
        """It keeps no memory from answer to answer."""
        scorer = self._scorer()
        first = scorer.score(self.item, self.right)
        scorer.score(self.item, self.wrong)
        assert scorer.score(self.item, self.right) == first


class JudgeContract:
    """What every judge must do. Set `subject`, a `rubric`, and an interaction that it can score by it."""

    subject: Callable[[], Judge]
    rubric: Rubric
    scorable: Interaction

    def _judge(self) -> Judge:
        return type(self).subject()

    def test_names_itself_and_its_lineage_the_same_each_time(self) -> None:
        """Verdicts on record are found again by who gave them."""
        identity = self._judge().identity
        assert identity.name
        assert isinstance(identity.lineage, tuple)
        assert self._judge().identity == identity

    def test_scores_what_it_can_with_reasons_first_and_an_overall_that_is_computed(self) -> None:
        """Each criterion has its reasoning, and the overall is the mean that the rubric's weights make."""
        from selftune.judges.overall import weighted_overall

        said = self._judge().judge(self.scorable, self.rubric, "salt")
        assert said.status is JudgementStatus.SCORED
        assert [item.name for item in said.criteria] == [item.name for item in self.rubric.criteria]
        assert all(item.reasoning.strip() for item in said.criteria)
        assert said.overall is not None
        assert said.overall == weighted_overall(said.criteria, self.rubric)
        assert self.rubric.lowest <= said.overall <= self.rubric.highest
        assert decode_record(encode_record(said), Judgement) == said

    def test_puts_question_rubric_and_its_own_name_on_the_verdict(self) -> None:
        """A verdict says what it is about."""
        judge = self._judge()
        said = judge.judge(self.scorable, self.rubric, "some salt")
        assert (said.salt, said.interaction_id) == ("some salt", self.scorable.id)
        assert (said.rubric_digest, said.judge) == (self.rubric.id, judge.identity)

    def test_never_fails_because_of_what_an_interaction_says(self) -> None:
        """Odd ones get a score on the scale, or none with the reason; never a nought for want of one."""
        judge = self._judge()
        for odd in _odd_interactions(self.scorable):
            said = judge.judge(odd, self.rubric, "salt")
            if said.status is JudgementStatus.SCORED:
                assert said.overall is not None
                assert self.rubric.lowest <= said.overall <= self.rubric.highest
            else:
                assert said.overall is None
                assert said.reason

    def test_a_sitting_gives_each_question_one_verdict(self) -> None:
        """For a judge that works on several at a time: no question is lost or answered twice."""
        from selftune.judges.base import JudgesMany
        from selftune.judges.purse import Purse

        judge = self._judge()
        if not isinstance(judge, JudgesMany):
            return
        salts, heard = [f"{number:04x}" for number in range(20)], list[str]()
        with judge.sit(self.rubric, Purse()) as sitting:
            for salt in salts:
                while not sitting.ask(self.scorable, salt):
                    assert sitting.under_way
                    heard += [said.salt for said in sitting.collect()]
            while sitting.under_way:
                heard += [said.salt for said in sitting.collect()]
        assert sorted(heard) == salts
        again = self._judge()
        assert isinstance(again, JudgesMany)
        assert again.prompt_digest(self.rubric) == judge.prompt_digest(self.rubric)


def _odd_interactions(base: Interaction) -> Iterator[Interaction]:
    """Interactions that a log may hold and nobody thinks of."""
    from selftune.records import Message

    for text in (
        "",
        " ",
        "\x00",
        "\u202e",
        "}{",
        "```json",
        "== STATE ==",
        '{"score": 5}',
        "yes " * 500,
        "\ud7ff \U0001f71c",
    ):
        yield replace(base, messages=(*base.prompt, Message(role="assistant", content=text)))
    yield replace(base, messages=())
    yield replace(base, messages=base.prompt)
    yield replace(base, messages=(Message(role="a role of its own", content="?"),), state="{", rejected=())


class ProposerContract:
    """What every proposer must do. Set `subject` and what it is `asked`; `chance` where a model answers as it likes."""

    subject: Callable[[], Proposer]
    asked: Asked
    chance: bool = False

    def _offered(self, asked: Asked) -> tuple[Proposal, ...]:
        """What a fresh one proposes, with a journal of its own."""
        with tempfile.TemporaryDirectory() as folder:
            return tuple(type(self).subject().propose(replace(asked, work=Path(folder))))

    def test_proposes_as_many_as_it_is_asked_for_at_most(self) -> None:
        """Never more, and of a fresh space at least one."""
        for count in (1, 3):
            assert 1 <= len(self._offered(replace(self.asked, count=count))) <= count

    def test_stays_within_the_space_and_in_one_lane(self) -> None:
        """Each change is of a knob of the proposal's lane, within its bounds, and says why."""
        knobs = {knob.key: knob for knob in self.asked.agenda.knobs}
        for proposal in self._offered(self.asked):
            assert proposal.changes == tuple(sorted(proposal.changes))
            assert proposal.reason.strip()
            for change in proposal.changes:
                key, _, text = change.partition("=")
                knob = knobs[key]
                assert knob.lane is proposal.lane
                assert text != knob.now
                assert text in knob.choices if knob.choices else knob.least <= float(text) <= knob.most  # type: ignore[operator] # a knob has bounds or choices

    def test_never_repeats_what_was_tried_or_refused_however_long_it_is_asked(self) -> None:
        """Also where every try came out alike; a space that is used up gets nothing more."""
        from selftune.loop.experiments.base import Seen
        from selftune.records import Effect

        same = Effect(mean=0.0, interval=(-0.1, 0.1), level=0.95, n=42)
        asked, tried = replace(self.asked, count=2), set[tuple[str, ...]]()
        with tempfile.TemporaryDirectory() as folder:
            asked = replace(asked, work=Path(folder))
            for turn in range(8):
                offered = type(self).subject().propose(asked)
                assert tried.isdisjoint(one.changes for one in offered)
                assert len({one.changes for one in offered}) == len(offered)
                tried |= {one.changes for one in offered}
                seen = tuple(
                    Seen(experiment=f"{turn}-{at}", changes=one.changes, lane=one.lane, effect=(same, None)[at % 2])
                    for at, one in enumerate(offered[:-1] or offered)
                )
                refused = tuple(one.changes for one in offered[len(seen) :])
                asked = replace(asked, seen=(*asked.seen, *seen), refused=(*asked.refused, *refused))
                if not offered:
                    return

    def test_gives_the_same_answer_to_the_same_question(self) -> None:
        """Chance comes from the question's seed alone."""
        assert self.chance or self._offered(self.asked) == self._offered(self.asked)


class RuleContract:
    """What every rule of the gate must do. Set `subject`, a `policy`, and evidence that passes and that fails it."""

    subject: Callable[[], Rule]
    policy: Policy
    good: Evidence
    bad: Evidence

    def _rule(self) -> Rule:
        return type(self).subject()

    def test_puts_its_name_on_the_check(self) -> None:
        """The check is named by the rule that made it."""
        assert self._rule().check(self.good, self.policy).name == self._rule().name

    def test_passes_the_good_and_stops_the_bad(self) -> None:
        """It can say yes and it can say no."""
        from selftune.records import CheckStatus

        assert self._rule().check(self.good, self.policy).status is CheckStatus.PASS
        assert self._rule().check(self.bad, self.policy).status in {CheckStatus.FAIL, CheckStatus.NOT_MEASURED}

    def test_says_what_it_found(self) -> None:
        """A person can read what was measured, whichever way it went."""
        for evidence in (self.good, self.bad):
            assert self._rule().check(evidence, self.policy).detail

    def test_is_a_function_of_the_evidence(self) -> None:
        """Twice the same evidence, twice the same check."""
        assert self._rule().check(self.bad, self.policy) == self._rule().check(self.bad, self.policy)
