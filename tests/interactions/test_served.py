"""The served model as a source."""

from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.context import Answer
from selftune.errors import RequestRefusedError, ServingError
from selftune.interactions.config import Capture
from selftune.interactions.served import Resampled, ServedUsers, UserPrompt
from selftune.interactions.stage import capture
from selftune.records import Consent, GenerationParameters, InteractionOutcome, Message, Trigger
from selftune.testing import FakeServe, MemoryWork, fake_build, fake_context

SYSTEM = Message(role="system", content='== STATE ==\n{"song": "Fobro"}\n== END STATE ==')


def prompts(count: int, **facts) -> list[UserPrompt]:
    return [
        UserPrompt(
            task_id=f"t{number}",
            conversation=f"c{number}",
            messages=(SYSTEM, Message(role="user", content=f"Question {number}?")),
            **facts,
        )
        for number in range(count)
    ]


def echo(build, request) -> str:
    return f"{request.messages[-1].content} by {request.seed}"


def test_each_prompt_becomes_an_interaction_of_the_build(tmp_path):
    build = fake_build()
    source = ServedUsers(prompts=prompts(3), build=build)
    got = list(capture([source], Capture(), fake_context(tmp_path, serve=FakeServe(echo))))
    assert [item.task_id for item in got] == ["t0", "t1", "t2"]
    assert {item.generated_by for item in got} == {build.digest}
    assert got[0].state == '{"song": "Fobro"}'
    assert got[0].trigger is Trigger.SIMULATED
    assert (got[0].answer or "").startswith("Question 0? by ")


def test_after_a_crash_only_what_is_missing_is_asked(tmp_path):
    work = MemoryWork(tmp_path)
    calls = []

    def breaks(build, request) -> str:
        calls.append(request)
        if len(calls) > 2:
            raise ServingError("gone.", next_step="Restart.")
        return echo(build, request)

    def source() -> ServedUsers:
        return ServedUsers(prompts=prompts(5), build=fake_build())

    with pytest.raises(ServingError):
        list(source().read(fake_context(tmp_path, serve=FakeServe(breaks), work=work)))
    again = FakeServe(echo)
    resumed = list(source().read(fake_context(tmp_path, serve=again, work=work)))
    straight = list(source().read(fake_context(tmp_path, serve=FakeServe(echo))))
    assert len(again.started[0].asked) == 3
    assert [item.messages for item in resumed] == [item.messages for item in straight]


def test_a_kill_costs_at_most_the_answers_of_one_page(tmp_path):
    work = MemoryWork(tmp_path)
    cut = ServedUsers(prompts=prompts(100), build=fake_build()).read(
        fake_context(tmp_path, serve=FakeServe(echo), work=work)
    )
    first = [next(cut) for _ in range(50)]
    killed = MemoryWork(tmp_path)
    killed.kept = dict(work.kept)  # what lies on disk at this moment; nothing is flushed any more
    again = FakeServe(echo)
    resumed = list(
        ServedUsers(prompts=prompts(100), build=fake_build()).read(fake_context(tmp_path, serve=again, work=killed))
    )
    assert resumed[:48] == first[:48]
    assert len(again.started[0].asked) == 52
    assert len(work.puts) == 3


def test_no_server_starts_when_nothing_is_left_to_ask(tmp_path):
    work = MemoryWork(tmp_path)
    source = ServedUsers(prompts=prompts(2), build=fake_build())
    first = list(source.read(fake_context(tmp_path, serve=FakeServe(echo), work=work)))
    idle = FakeServe(echo)
    assert list(source.read(fake_context(tmp_path, serve=idle, work=work))) == first
    assert idle.started == []


def test_the_scratch_never_holds_a_secret(tmp_path):
    work = MemoryWork(tmp_path)
    serve = FakeServe(lambda build, request: "write to jane@mail.example")
    list(ServedUsers(prompts=prompts(1), build=fake_build()).read(fake_context(tmp_path, serve=serve, work=work)))
    (kept,) = work.kept.values()
    assert b"jane@" not in kept
    assert b"[email-1]" in kept


def test_the_seed_of_an_answer_does_not_depend_on_its_neighbours(tmp_path):
    all_of_them, last_one = FakeServe(echo), FakeServe(echo)
    list(ServedUsers(prompts=prompts(3), build=fake_build()).read(fake_context(tmp_path, serve=all_of_them)))
    list(ServedUsers(prompts=prompts(3)[2:], build=fake_build()).read(fake_context(tmp_path, serve=last_one)))
    assert all_of_them.started[0].asked[2] == last_one.started[0].asked[0]


def test_resampling_asks_each_prompt_for_more_answers_and_keeps_the_link(tmp_path):
    context = fake_context(tmp_path, serve=(serve := FakeServe(echo)))
    originals = list(ServedUsers(prompts=prompts(2), build=fake_build()).read(context))
    drawn = list(
        Resampled(interactions=[*originals, *originals], build=fake_build(), answers_per_prompt=3).read(context)
    )
    assert [item.task_id for item in drawn] == ["t0"] * 3 + ["t1"] * 3
    assert [item.conversation for item in drawn] == ["c0"] * 3 + ["c1"] * 3
    assert len({item.answer for item in drawn}) == 6
    assert len({item.position for item in drawn}) == 6
    assert {parameters.temperature for parameters in serve.started[1].parameters} == {0.9}
    assert all("resampled" in item.flags for item in drawn)


def test_a_log_of_many_prompts_does_not_keep_the_champion_busy_for_hours(tmp_path):
    originals = list(
        ServedUsers(prompts=prompts(5), build=fake_build()).read(fake_context(tmp_path, serve=FakeServe(echo)))
    )
    bounded = Resampled(interactions=originals, build=fake_build(), answers_per_prompt=2, most_prompts=3)
    drawn = list(bounded.read(fake_context(tmp_path, serve=FakeServe(echo))))
    assert [item.task_id for item in drawn] == ["t0", "t0", "t1", "t1", "t2", "t2"]


class KeptInMemory:
    """Answers of other days, by place."""

    identity = "memory"

    def __init__(self, answers):
        self._at = {(answer.source, answer.position): answer for answer in answers}

    def find(self, source, positions):
        return {place: self._at[source, place] for place in positions if (source, place) in self._at}


def test_a_second_night_asks_what_the_first_one_left_and_gives_the_rest_again(tmp_path):
    originals = list(
        ServedUsers(prompts=prompts(5), build=fake_build()).read(fake_context(tmp_path, serve=FakeServe(echo)))
    )

    def night(kept, serve):
        source = Resampled(
            interactions=originals, build=fake_build(), answers_per_prompt=2, most_prompts=3, kept=KeptInMemory(kept)
        )
        return list(source.read(fake_context(tmp_path, serve=serve, work=MemoryWork(tmp_path))))

    first = night([], FakeServe(echo))
    second = night(first, serve := FakeServe(echo))
    assert [item.task_id for item in first] == ["t0", "t0", "t1", "t1", "t2", "t2"]
    assert [item.task_id for item in second] == [f"t{number // 2}" for number in range(10)]
    assert second[:6] == first
    assert len(serve.started[0].asked) == 4
    assert night(second, idle := FakeServe(echo)) == second
    assert idle.started == []


def test_another_champion_is_asked_all_of_it_again(tmp_path):
    originals = list(
        ServedUsers(prompts=prompts(2), build=fake_build()).read(fake_context(tmp_path, serve=FakeServe(echo)))
    )
    first = list(
        Resampled(interactions=originals, build=fake_build()).read(fake_context(tmp_path, serve=FakeServe(echo)))
    )
    successor = replace(fake_build(), system_prompt="Be brief.")
    after = Resampled(interactions=originals, build=successor, kept=KeptInMemory(first))
    drawn = list(after.read(fake_context(tmp_path, serve=(serve := FakeServe(echo)), work=MemoryWork(tmp_path))))
    assert len(serve.started[0].asked) == len(drawn) == len(first)


def test_resampling_repeats_under_the_same_seed_only(tmp_path):
    originals = list(
        ServedUsers(prompts=prompts(1), build=fake_build()).read(fake_context(tmp_path, serve=FakeServe(echo)))
    )

    def answers(seed: int) -> list[str | None]:
        context = fake_context(tmp_path, seed=seed, serve=FakeServe(echo))
        return [item.answer for item in Resampled(interactions=originals, build=fake_build()).read(context)]

    assert answers(1) == answers(1) != answers(2)


def test_words_without_consent_to_training_are_not_asked_again(tmp_path):
    context = fake_context(tmp_path, serve=FakeServe(echo))
    private = prompts(1, consent=Consent(train=False))
    originals = list(ServedUsers(prompts=private, build=fake_build()).read(context))
    assert originals[0].consent.train is False
    assert list(Resampled(interactions=originals, build=fake_build()).read(context)) == []


def test_an_answer_that_was_cut_off_says_so(tmp_path):
    class Cutting(FakeServe):
        def __call__(self, build, *, slots=1):
            context = super().__call__(build, slots=slots)

            class Cut:
                def __enter__(self):
                    served = context.__enter__()
                    served.chat = lambda request, parameters: Answer(
                        text="I looked up", finish_reason="length", prompt_tokens=1, completion_tokens=3
                    )
                    return served

                def __exit__(self, *error):
                    return context.__exit__(*error)

            return Cut()

    source = ServedUsers(prompts=prompts(1), build=fake_build(), parameters=GenerationParameters(max_tokens=3))
    (got,) = source.read(fake_context(tmp_path, serve=Cutting(echo)))
    assert got.flags == ("cut_short",)


def test_a_prompt_that_the_server_refuses_stays_unanswered_and_keeps_no_other_from_its_answer(tmp_path):
    def answer(build, request):
        if request.messages[-1].content == "Question 1?":
            raise RequestRefusedError("too long for 512 tokens.", next_step="Shorten it.")
        return echo(build, request)

    context = fake_context(tmp_path, serve=FakeServe(answer))
    said = list(ServedUsers(prompts=prompts(3), build=fake_build()).read(context))
    assert [item.answer is None for item in said] == [False, True, False]
    assert said[1].outcome is InteractionOutcome.ERROR
    assert "refused_by_server" in said[1].flags
    assert {item.outcome for item in (said[0], said[2])} == {InteractionOutcome.OK}


def test_a_server_that_breaks_still_stops_the_stage(tmp_path):
    def break_down(build, request):
        raise ServingError("gone.", next_step="Start it again.")

    with pytest.raises(ServingError, match="gone"):
        list(
            ServedUsers(prompts=prompts(2), build=fake_build()).read(
                fake_context(tmp_path, serve=FakeServe(break_down))
            )
        )


def test_the_champion_is_not_asked_in_the_middle_of_a_dialogue_of_personas(tmp_path):
    turns = (
        Message(role="user", content="Faster, or more careful?"),
        Message(role="assistant", content="Measure.", persona="BRICK"),
        Message(role="assistant", content="Then breathe.", persona="ROBIN"),
    )
    original = next(
        ServedUsers(prompts=prompts(1), build=fake_build()).read(fake_context(tmp_path, serve=FakeServe(echo)))
    )
    dialogue = replace(original, messages=turns)
    assert list(Resampled(interactions=[dialogue], build=fake_build()).read(fake_context(tmp_path))) == []
