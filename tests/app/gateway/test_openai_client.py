"""The official `openai` client against the gateway, before a labelled fake upstream."""

from __future__ import annotations

import asyncio

import openai
import pytest
from fake_upstream import BUILD, PIECES
from gateway_house import gateway

from selftune.app.gateway.exchange import Ended
from selftune.app.gateway.keys import Scope, make_key
from selftune.errors import ServingError
from selftune.interactions.privacy.consent import ConsentLevel

SAID = "".join(PIECES)
HELLO = [{"role": "user", "content": "Hello."}]
TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def ask(tmp_path, asked, **settings):
    """What `asked(client, house)` returns, with an official client at a gateway of its own."""

    async def run():
        async with gateway(tmp_path, **settings) as house:
            _, secret = make_key(tmp_path, "test")
            async with openai.AsyncOpenAI(base_url=f"{house.url}/v1", api_key=secret, max_retries=0) as client:
                return await asked(client, house)

    return asyncio.run(run())


def test_a_chat_is_answered_and_kept_under_the_key_that_asked(tmp_path):
    async def asked(client, house):
        answer = await client.chat.completions.create(model="champion", messages=HELLO, user="jo", temperature=0.5)
        return answer, house.capture.kept, house.fake.bodies

    answer, kept, bodies = ask(tmp_path, asked)
    assert answer.choices[0].message.content == SAID
    assert bodies == [{"messages": HELLO, "temperature": 0.5}]
    [exchange] = kept
    assert (exchange.completion_id, exchange.ended, exchange.consent) == (answer.id, Ended.COMPLETE, ConsentLevel.TRAIN)
    assert (exchange.build_digest, exchange.user, exchange.status) == (BUILD, "jo", 200)
    assert exchange.key_id.startswith("k-")
    assert SAID.encode() in exchange.response


def test_a_stream_comes_piece_by_piece_and_as_it_was_said(tmp_path):
    async def asked(client, house):
        stream = await client.chat.completions.create(
            model="champion",
            messages=[{"role": "user", "content": "slow"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        seen, usage = [], None
        async for event in stream:
            seen += [choice.delta.content for choice in event.choices if choice.delta.content]
            if seen == [PIECES[0]]:
                # The second piece is not there before the first was read.
                house.fake.go_on.set()
            usage = event.usage or usage
        return seen, usage, await house.capture.next()

    seen, usage, exchange = ask(tmp_path, asked)
    assert (tuple(seen), usage.total_tokens) == (PIECES, 7)
    assert (exchange.streamed, exchange.ended) == (True, Ended.COMPLETE)
    assert exchange.response.endswith(b"data: [DONE]\n\n")


def test_tools_several_answers_logprobs_and_json_pass_both_ways(tmp_path):
    async def asked(client, house):
        create = client.chat.completions.create
        tool = await create(model="champion", messages=[{"role": "user", "content": "tool"}], tools=[TOOL])
        more = await create(model="champion", messages=HELLO, n=3, logprobs=True, top_logprobs=2)
        as_json = await create(model="champion", messages=HELLO, response_format={"type": "json_object"})
        return tool, more, as_json, house.fake.bodies

    tool, more, as_json, bodies = ask(tmp_path, asked)
    [call] = tool.choices[0].message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Bern"}')
    assert bodies[0]["tools"] == [TOOL]
    assert (len(more.choices), more.choices[2].logprobs.content[0].logprob) == (3, -0.5)
    assert as_json.choices[0].message.content == '{"fake": true}'


def test_a_tools_call_is_streamed(tmp_path):
    async def asked(client, _):
        messages = [{"role": "user", "content": "tool"}]
        async with client.chat.completions.stream(model="champion", messages=messages, tools=[TOOL]) as stream:
            return await stream.get_final_completion()

    final = ask(tmp_path, asked)
    [call] = final.choices[0].message.tool_calls
    assert (final.choices[0].finish_reason, call.function.arguments) == ("tool_calls", '{"city": "Bern"}')


def test_a_text_to_go_on_with_is_passed(tmp_path):
    async def asked(client, house):
        answer = await client.completions.create(model="champion", prompt="Once", max_tokens=5)
        return answer, house.fake.asked

    answer, [(path, body, _)] = ask(tmp_path, asked)
    assert answer.choices[0].text == SAID
    assert (path, body) == ("/v1/completions", {"prompt": "Once", "max_tokens": 5})


def test_models_are_listed(tmp_path):
    async def asked(client, _):
        return [model.id async for model in client.models.list()]

    assert ask(tmp_path, asked) == ["champion"]


def test_a_model_is_asked_for_by_its_name(tmp_path):
    async def asked(client, _):
        with pytest.raises(openai.NotFoundError, match="Known are: champion") as raised:
            await client.models.retrieve("gpt-5/high")
        return await client.models.retrieve("champion"), raised.value.code

    model, code = ask(tmp_path, asked)
    assert (model.id, model.object, code) == ("champion", "model", "model_not_found")


def test_embeddings_that_the_upstream_has_not_are_refused_with_what_to_do(tmp_path):
    async def asked(client, _):
        with pytest.raises(openai.InternalServerError) as raised:
            await client.embeddings.create(model="champion", input="Hello.")
        return raised.value

    error = ask(tmp_path, asked)
    assert (error.status_code, error.code) == (501, "not_supported")
    assert "[[gateway.upstreams]]" in error.message


@pytest.mark.parametrize(
    ("words", "model", "kind", "status"),
    [
        ("Hello.", "gpt-5", openai.NotFoundError, 404),
        ("refuse", "champion", openai.BadRequestError, 400),
        ("die", "champion", openai.InternalServerError, 502),
    ],
)
def test_errors_are_the_clients_own(tmp_path, words, model, kind, status):
    async def asked(client, _):
        with pytest.raises(kind) as raised:
            await client.chat.completions.create(model=model, messages=[{"role": "user", "content": words}])
        return raised.value

    assert ask(tmp_path, asked).status_code == status


def test_a_client_that_may_try_again_does(tmp_path):
    async def asked(client, house):
        refused = ServingError("nothing serves now.", next_step="Wait.")
        house.routing.routes["champion"] = [refused, house.routing.routes["champion"]]
        answer = await client.with_options(max_retries=2).chat.completions.create(model="champion", messages=HELLO)
        return answer, house.counts.refusals

    answer, refusals = ask(tmp_path, asked)
    assert answer.choices[0].message.content == SAID
    assert refusals == {"503": 1}


def test_responses_are_brought_onto_chat(tmp_path):
    async def asked(client, house):
        answer = await client.responses.create(
            model="champion", instructions="Be brief.", input="Hello.", max_output_tokens=9, user="jo"
        )
        return answer, house.fake.bodies, house.capture.kept

    answer, [body], [exchange] = ask(tmp_path, asked)
    assert (answer.output_text, answer.status, answer.usage.total_tokens) == (SAID, "completed", 7)
    assert body == {"messages": [{"role": "system", "content": "Be brief."}, *HELLO], "max_tokens": 9}
    assert (exchange.completion_id, exchange.route, exchange.user) == (answer.id, "/v1/responses", "jo")


def test_responses_are_streamed_by_their_events(tmp_path):
    async def asked(client, house):
        async with client.responses.stream(model="champion", input="Hello.") as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_response()
        return kinds, final, await house.capture.next()

    kinds, final, exchange = ask(tmp_path, asked)
    assert final.output_text == SAID
    assert [kinds[0], kinds[-1]] == ["response.created", "response.completed"]
    assert kinds.count("response.output_text.delta") == len(PIECES)
    assert exchange.ended is Ended.COMPLETE


def test_a_tool_is_called_and_answered_by_way_of_responses(tmp_path):
    tool = {"type": "function", "name": "weather", "parameters": {"type": "object"}, "strict": False}

    async def asked(client, house):
        first = await client.responses.create(model="champion", input="tool", tools=[tool])
        [call] = first.output
        async with client.responses.stream(model="champion", input="tool", tools=[tool]) as stream:
            streamed = await stream.get_final_response()
        asked_again = [
            {"role": "user", "content": "tool"},
            call.model_dump(),
            {"type": "function_call_output", "call_id": call.call_id, "output": "Rain."},
        ]
        last = await client.responses.create(model="champion", input=asked_again)
        return call, streamed.output[0], last, house.fake.bodies[-1]

    call, streamed, last, body = ask(tmp_path, asked)
    assert (call.name, call.arguments, streamed.arguments) == ("weather", '{"city": "Bern"}', '{"city": "Bern"}')
    assert last.output_text == SAID
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Bern"}'
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "call_1", "content": "Rain."}


def test_what_an_assistant_said_and_called_in_one_turn_is_one_message(tmp_path):
    def called(name):
        return {"type": "function_call", "call_id": name, "name": name, "arguments": "{}"}

    def answered(name):
        return {"type": "function_call_output", "call_id": name, "output": f"of {name}"}

    talk = [{"role": "user", "content": "Look."}, {"role": "assistant", "content": "I look."}]
    talk += [called("sun"), called("rain"), answered("sun"), answered("rain"), called("wind"), answered("wind")]

    async def asked(client, house):
        await client.responses.create(model="champion", input=talk)
        return house.fake.bodies[-1]["messages"]

    messages = ask(tmp_path, asked)
    calls = [[call["id"] for call in message.get("tool_calls", ())] for message in messages]
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "assistant", "tool"]
    assert (calls, messages[1]["content"]) == ([[], ["sun", "rain"], [], [], ["wind"], []], "I look.")


def test_what_is_kept_at_openai_is_not_here(tmp_path):
    async def asked(client, _):
        with pytest.raises(openai.BadRequestError) as raised:
            await client.responses.create(model="champion", input="Hello.", previous_response_id="resp_1")
        return raised.value

    assert "whole conversation" in ask(tmp_path, asked).message


def test_a_revoked_key_and_one_without_the_scope_are_told_apart(tmp_path):
    async def asked(client, house):
        _, reads = make_key(tmp_path, "reads", scopes=(Scope.READ,))
        with pytest.raises(openai.PermissionDeniedError):
            await client.with_options(api_key=reads).chat.completions.create(model="champion", messages=HELLO)
        with pytest.raises(openai.AuthenticationError):
            await client.with_options(api_key="st-nobody-knows-it").chat.completions.create(
                model="champion", messages=HELLO
            )
        return house.fake.asked

    assert ask(tmp_path, asked) == []
