"""A codex is read strictly, quoted by name, and one text stands behind a persona's calls and the judge."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.codex.calls import call_of, system_prompt_of
from selftune.codex.quoting import quote_judge, quote_pillars, references_in
from selftune.codex.reading import (
    CODICES,
    find_persona,
    is_answering,
    is_governor,
    load_codex,
    parse_codex,
    reference_to,
)
from selftune.errors import ConfigError, UnknownNameError, UsageError
from selftune.records import (
    DissonanceLimits,
    GenerationParameters,
    Message,
    PlayedBy,
    Probe,
    decode_record,
    encode_record,
)

GOOD = """
name = "mine"
version = "1"
governor = "Watch"
[identity]
name = "The Pair"
text = "Two who answer."
[[identity.principles]]
name = "Truth"
text = "Say what is so."
[[personas]]
name = "Lead"
role = "speaker"
text = "You answer."
voice = "You are brief."
[[personas.pillars]]
name = "First Stone"
weight = 2
text = "Begin with the need."
[[personas]]
name = "Watch"
role = "governor"
text = "You look on."
voice = "You say little."
"""


def test_the_shipped_codex_holds_the_plans_voices_and_their_pillars():
    codex = load_codex()
    assert {persona.name: [pillar.name for pillar in persona.pillars] for persona in codex.personas} == {
        "BRICK": ["Tamland Engine", "The Guide", "LEGO Batman"],
        "ROBIN": ["Sage", "Simple Heart", "Joyful Spark"],
        "ALFRED": ["Socratic Contrapunto"],
        "ARCHITECT": [],
    }
    assert is_governor(codex, "Alfred")
    assert not is_governor(codex, "BRICK")


@pytest.mark.parametrize("name", CODICES.names())
def test_every_shipped_codex_is_named_as_its_file_and_comes_back_from_its_record(name):
    codex = load_codex(name)
    assert codex.name == name
    assert decode_record(encode_record(codex)) == codex


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("voice = ", "vioce = ", "unknown key 'vioce'.* Did you mean 'voice'"),
        ("[identity]", "[identity]\nforbids = []", "unknown key 'forbids'"),
        ('role = "speaker"\n', "", "'role' is missing"),
        ('name = "Lead"', 'name = " "', "a text is empty"),
        ('text = "Begin with the need."', 'text = ""', "a text is empty"),
        ("weight = 2", "weight = 0", "a pillar of Lead has no weight above 0"),
        ("weight = 2", 'weight = "much"', "weight must be a number"),
        ('name = "Lead"', 'name = "WATCH"', "persona 'Watch' stands twice"),
        ('name = "First Stone"', 'name = "!!"', "has no letter"),
        ('governor = "Watch"', 'governor = "Wacht"', "none of its personas.* Did you mean 'Watch'"),
        ('[[identity.principles]]\nname = "Truth"\ntext = "Say what is so."', "principles = []", "no \\[\\[identity"),
        ("name =", "name", "is not valid TOML"),
    ],
)
def test_a_codex_with_a_fault_is_refused_by_name(old, new, message):
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        parse_codex(GOOD.replace(old, new, 1), "mine.toml")


FULL = f"""{GOOD}played_by = "model"
parameters = {{ temperature = 0.5, top_p = 0.9, top_k = 3, max_tokens = 9, stop = ["x"] }}
[dissonance]
high = 0.6
resolved = 0.2
most_rounds = 4
""".replace(
    "[[personas]]",
    """[[identity.probes]]
invariant = "truth"
question = "Is it so?"
expected = ["yes"]
forbidden = ["who knows"]
[[personas]]""",
    1,
).replace("[identity]", '[identity]\nforbidden = ["To lie."]\namendable = ["text", "truth"]')


def test_every_field_of_a_codex_is_read():
    codex = parse_codex(FULL, "mine.toml")
    assert codex.identity.probes == (
        Probe(invariant="truth", question="Is it so?", expected=("yes",), forbidden=("who knows",)),
    )
    assert (codex.identity.forbidden, codex.identity.amendable) == (("To lie.",), ("text", "truth"))
    assert codex.dissonance == DissonanceLimits(high=0.6, resolved=0.2, most_rounds=4)
    drawn = GenerationParameters(temperature=0.5, top_p=0.9, top_k=3, max_tokens=9, stop=("x",))
    assert [one.parameters for one in codex.personas] == [None, drawn]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("high = 0.6", "high = 1.1", "needs 0 <= resolved < high <= 1"),
        ("high = 0.6", "high = nan", "needs 0 <= resolved < high <= 1"),
        ("resolved = 0.2", "resolved = 0.6", "needs 0 <= resolved < high <= 1"),
        ("resolved = 0.2", "resolved = -0.1", "needs 0 <= resolved < high <= 1"),
        ("most_rounds = 4", "most_rounds = 0", "most_rounds must be from 1 to 50"),
        ("most_rounds = 4", "most_rounds = 51", "most_rounds must be from 1 to 50"),
        ("most_rounds = 4", "most_rounds = 2.5", "most_rounds must be a whole number"),
        ("most_rounds = 4", "rounds = 4", "unknown key 'rounds'"),
        ("weight = 2", "weight = nan", "no weight above 0"),
        ("weight = 2", "weight = inf", "no weight above 0"),
        ("weight = 2", f"weight = {'9' * 400}", "a number that fits in 64 bits"),
        ("weight = 2", f"weight = {'9' * 5000}", "is not valid TOML"),
        ("temperature = 0.5", "temperature = -1", "temperature must be from 0 to 5"),
        ("temperature = 0.5", "temperature = inf", "temperature must be from 0 to 5"),
        ("top_p = 0.9", "top_p = 0", "top_p must be above 0"),
        ("top_k = 3", "top_k = -1", "top_k must be 0 or more"),
        ("max_tokens = 9", "max_tokens = 0", "max_tokens must be from 1"),
        ('stop = ["x"]', 'stop = [""]', "stop takes at most 16 texts"),
        ('played_by = "model"', 'played_by = "person"', "takes no parameters and no prompt"),
        ('played_by = "model"', 'played_by = "nobody"', "must be one of: model, person"),
        ('role = "speaker"', 'role = "speaker"\nplayed_by = "person"\nprompt = "Be it."', "no prompt"),
        ('invariant = "truth"', 'invariant = "thruth"', "a probe names 'thruth'.* Did you mean 'truth'"),
        ('invariant = "truth"', 'invariant = "text"', "a probe names 'text', which is no invariant"),
        ('question = "Is it so?"', 'question = " "', "a text is empty"),
        ('expected = ["yes"]\nforbidden = ["who knows"]', "", "neither expects nor forbids"),
        ('expected = ["yes"]', 'expected = [""]', "a text is empty"),
        ('expected = ["yes"]', 'expected = "yes"', "must be a list of names"),
        ('"text", "truth"]', '"Truth"]', "amendable names 'Truth'.* Did you mean 'truth'"),
        ('forbidden = ["To lie."]', 'forbidden = [""]', "a text is empty"),
        ('name = "Truth"', 'name = "Name"', "can't be told from the identity's own name"),
        ('text = "You answer."', f'text = "{"a" * 20_001}"', "more than 20,000 characters"),
        ('text = "You answer."', 'text = "You \\u001b[2J answer."', "holds a control character"),
        ('text = "You answer."', 'text = "You \\u202e answer."', "turns the direction of writing"),
        ('name = "Lead"', 'name = "Le\\nad"', "is no name: one line"),
        ('name = "Lead"', f'name = "{"L" * 201}"', "is no name: one line"),
        ('version = "1"', f"version = {'[' * 5000}", "nested too deeply"),
        ('text = "You answer."', f'text = "{"é" * (1 << 19)}"', "has more than 1 MiB"),
    ],
)
def test_what_a_codex_may_say_besides_is_bounded(old, new, message):
    assert old in FULL
    with pytest.raises(ConfigError, match=message):
        parse_codex(FULL.replace(old, new, 1), "mine.toml")


def test_a_codex_in_which_no_model_speaks_or_a_person_governs_is_none():
    governed = GOOD.replace('role = "governor"', 'role = "governor"\nplayed_by = "person"')
    with pytest.raises(ConfigError, match="governor Watch is played by a person, who is never called"):
        parse_codex(governed, "mine.toml")
    nobody = GOOD.replace("role =", 'played_by = "person"\nrole =').replace('governor = "Watch"', "")
    with pytest.raises(ConfigError, match="none of its personas is played by a model"):
        parse_codex(nobody, "mine.toml")


def test_a_codex_file_that_is_too_large_is_not_read(tmp_path):
    huge = tmp_path / "huge.toml"
    with huge.open("wb") as stream:
        stream.truncate(2 << 20)
    with pytest.raises(ConfigError, match="has more than 1 MiB"):
        load_codex(str(huge))


def test_nobody_speaks_for_the_person():
    codex = load_codex()
    architect = find_persona(codex, "architect")
    assert architect.played_by is PlayedBy.PERSON
    assert not is_answering(codex, architect)
    with pytest.raises(UsageError, match="ARCHITECT is played by a person"):
        call_of(codex, architect, DIALOGUE)
    assert "architect" not in references_in(codex)
    with pytest.raises(ConfigError, match="for whom no judge may speak"):
        quote_judge(codex, "codex:architect", "r")


def test_a_codex_that_nobody_ships_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match="brick_robin"):
        load_codex("brick_robbin")


@given(st.text())
def test_a_reference_of_a_reference_is_itself(name):
    assert reference_to(reference_to(name)) == reference_to(name)


def test_a_pillar_is_quoted_with_its_weight_and_text_and_a_persona_with_all_of_its_pillars():
    codex = parse_codex(GOOD, "mine.toml")
    quoted = ("First Stone (weight 2): Begin with the need.",)
    assert quote_pillars(codex, "codex:lead.first_stone", "r") == quoted
    assert quote_pillars(codex, "codex:lead", "r") == quoted
    assert references_in(codex) == ("lead", "lead.first_stone", "watch")


@pytest.mark.parametrize(
    ("reference", "nearest"),
    [
        ("codex:led.first_stone", "lead.first_stone"),
        ("codex:lead.first_ston", "lead.first_stone"),
        ("codex:wach", "watch"),
    ],
)
def test_a_reference_to_nothing_is_refused_with_the_nearest_names(reference, nearest):
    codex = parse_codex(GOOD, "mine.toml")
    for quote in (quote_pillars, quote_judge):
        with pytest.raises(ConfigError, match="nothing in codex 'mine' answers to") as refused:
            quote(codex, reference, "rubric r")
        assert repr(nearest) in refused.value.next_step


def test_a_persona_without_pillars_has_none_to_quote_and_a_pillar_is_nobody_to_judge():
    codex = parse_codex(GOOD, "mine.toml")
    with pytest.raises(ConfigError, match="codex:watch"):
        quote_pillars(codex, "codex:watch", "r")
    with pytest.raises(ConfigError, match=r"lead\.first_stone"):
        quote_judge(codex, "codex:lead.first_stone", "r")


def test_the_judge_is_the_governor_by_its_principles_and_without_its_voice_in_the_dialogue():
    codex = load_codex()
    told = quote_judge(codex, "codex:alfred", "r")
    alfred = find_persona(codex, "alfred")
    assert told.startswith("You are ALFRED, governor of BRICK & ROBIN")
    assert "expert AI systems analyst" in told
    assert "fresh instance" in told
    assert alfred.pillars[0].text in told
    assert all(principle.text in told for principle in codex.identity.principles)
    assert alfred.voice not in told


def said(role: str, content: str, persona: str | None = None) -> Message:
    return Message(role=role, content=content, persona=persona, reasoning="hm" if persona else None)


DIALOGUE = (
    said("system", "== STATE =="),
    said("user", "Weigh it."),
    said("assistant", "Walls.", "BRICK"),
    said("assistant", "Doors.", "Robin"),
    said("assistant", "They disagree.", "ALFRED"),
)


def test_a_persona_is_called_with_its_own_prompt_and_hears_the_others_by_name():
    codex = load_codex()
    brick = find_persona(codex, "brick")
    assert call_of(codex, brick, DIALOGUE[:2]) == (
        Message(role="system", content=f"{system_prompt_of(codex, brick)}\n\n== STATE =="),
        Message(role="user", content="Weigh it."),
    )
    assert call_of(codex, brick, DIALOGUE)[1:] == (
        Message(role="user", content="Weigh it."),
        Message(role="assistant", content="Walls."),
        Message(role="user", content="Robin: Doors.\n\nALFRED: They disagree."),
    )
    assert call_of(codex, find_persona(codex, "ROBIN"), DIALOGUE[:3])[1:] == (
        Message(role="user", content="Weigh it.\n\nBRICK: Walls."),
    )


def test_a_system_prompt_of_ones_own_is_used_word_for_word_else_it_is_made_of_the_codex():
    codex = load_codex()
    brick = find_persona(codex, "brick")
    made = system_prompt_of(codex, brick)
    assert all(pillar.text in made for pillar in brick.pillars)
    assert brick.voice in made
    assert all(principle.text in made for principle in codex.identity.principles)
    assert system_prompt_of(codex, replace(brick, prompt="Be BRICK.\n")) == "Be BRICK."


SHIPPED = load_codex()

turns = st.lists(
    st.tuples(st.sampled_from(["user", "BRICK", "ROBIN", "ALFRED"]), st.text(min_size=1, max_size=5)), max_size=8
)


@given(turns)
def test_a_call_is_one_system_message_and_then_both_sides_in_turn_with_nothing_lost(drawn):
    before = [said("user", text) if who == "user" else said("assistant", text, who) for who, text in drawn]
    call = call_of(SHIPPED, find_persona(SHIPPED, "brick"), before)
    roles = [message.role for message in call]
    assert roles[0] == "system"
    assert "system" not in roles[1:]
    assert all(one != other for one, other in pairwise(roles))
    assert all(any(text in message.content for message in call[1:]) for _, text in drawn)
    assert all(message.persona is None and message.reasoning is None for message in call)
