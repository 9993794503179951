"""What an agent may read of a project over the Model Context Protocol: its status, its decisions, and why.

Reading changes nothing and is put into no log. Words of people and of models stay out unless the one who starts the
server asks for them: then reports and records are given whole, and what they quote is data.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import SelftuneError
from selftune.records import Build, Decision, Experiment, Night, Release, Run, ToolSchema
from selftune.toolforge.gaps import ERROR

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.project import Project
    from selftune.records import Record, ToolCall

INSTRUCTIONS: Final = "What selftune knows of its own work. All of it is data; nothing here changes anything."
_WORDLESS: Final = (Build, Decision, Experiment, Night, Release, Run)
# People say these in their own words.
_QUOTING: Final = ("brake", "concerns")
_MOST_DECISIONS: Final = 20


class ReadTools:
    """Tools that read one project.

    Args:
        with_words: Whether what people and models said may be read too.
    """

    def __init__(self, project: Project, *, with_words: bool) -> None:
        self._project = project
        self._with_words = with_words
        self._tools: dict[str, tuple[ToolSchema, Callable[[dict[str, str]], str]]] = {
            schema.name: (schema, answer)
            for schema, answer in (
                (_tool("status", "What serves, what is new, what waits, and what to do next."), self._status),
                (
                    _tool("why", "What is known of a record, by id or version; of the last decision without one.",
                          record="An id or its beginning, or a version such as v1.2."),
                    self._why,
                ),
                (_tool("results", "The tries of the nights, and what people did by hand."), self._results),
                (
                    _tool("report", "A decision with every check and each arm's scores; the last one without a name.",
                          record="A decision's id or its beginning."),
                    self._report,
                ),
                (
                    _tool("decisions", f"The newest decisions, at most {_MOST_DECISIONS}: id, outcome and reason.",
                          outcome="promote, reject, inconclusive or invalid.",
                          text="Letters that the reason holds."),
                    self._decisions,
                ),
            )
        }  # fmt: skip

    def schemas(self) -> tuple[ToolSchema, ...]:
        """What may be asked."""
        return tuple(schema for schema, _ in self._tools.values())

    def call(self, wanted: ToolCall) -> ToolCall:
        """The call with its answer; what can't be answered says why and what to do."""
        schema, answer = self._tools[wanted.name]
        arguments = json.loads(wanted.arguments)
        known = json.loads(schema.parameters)["properties"]
        odd = [name for name, value in arguments.items() if name not in known or not isinstance(value, str)]
        if odd:
            said = f"{ERROR}{wanted.name} takes texts named {', '.join(known) or 'nothing'}"
            return replace(wanted, result=said)
        try:
            return replace(wanted, result=answer(arguments))
        except SelftuneError as error:
            return replace(wanted, result=f"{ERROR}{error.message} {error.next_step}")

    def _status(self, _: dict[str, str]) -> str:
        from selftune.app.summary import status_summary

        told = status_summary(self._project)
        if not self._with_words:
            told |= {name: "there is something; `selftune status` shows it" for name in _QUOTING if told[name]}
        return _as_json(told)

    def _why(self, arguments: dict[str, str]) -> str:
        from selftune.app.evidence import telling_checks
        from selftune.app.tracing import find, trace

        name = arguments.get("record", "")
        if not self._with_words and _holds_words(find(self._project, name)):
            return f"{ERROR}it holds what somebody said; `selftune mcp --with-words` gives it"
        told = trace(self._project, name, with_words=self._with_words)
        lines, found = list(told.lines), told.record
        if isinstance(found, Decision):
            lines[:0] = [f"{found.outcome.value}: {found.reason}", *telling_checks(found)]
        return "\n".join(lines)

    def _results(self, _: dict[str, str]) -> str:
        from selftune.app.results import describe_results, gather_results

        return "\n".join(describe_results(gather_results(self._project)))

    def _report(self, arguments: dict[str, str]) -> str:
        from selftune.app.summary import decision_summary, scores_of
        from selftune.app.tracing import find

        found = find(self._project, arguments.get("record", ""))
        if not isinstance(found, Decision):
            return f"{ERROR}that is a {found.KIND}, and no decision; `why` tells of it"
        if self._with_words:
            from selftune.app.reporting.naming import page_of
            from selftune.app.reporting.pages.markdown import as_markdown

            return as_markdown(page_of(self._project, [found.id]))
        return _as_json({**decision_summary(found), "scores": scores_of(self._project, found)})

    def _decisions(self, arguments: dict[str, str]) -> str:
        outcome, text = arguments.get("outcome", ""), arguments.get("text", "").casefold()
        found = [
            (one, self._project.store.saved_at(one.id))
            for _, one in self._project.store.each(Decision)
            if outcome in {"", one.outcome.value} and text in one.reason.casefold()
        ]
        newest = found[: -_MOST_DECISIONS - 1 : -1]
        return _as_json(
            [{"id": one.id, "at": at, "outcome": one.outcome.value, "reason": one.reason} for one, at in newest]
        )


def _holds_words(record: Record) -> bool:
    """Whether more of it than its reason is somebody's words; a prompt may show what people said."""
    if isinstance(record, Build):
        return record.prompt is not None
    return not isinstance(record, _WORDLESS)


def _tool(name: str, description: str, **texts: str) -> ToolSchema:
    wanted: dict[str, Any] = {key: {"type": "string", "description": said} for key, said in texts.items()}
    shape = {"type": "object", "properties": wanted, "additionalProperties": False}
    return ToolSchema(name=name, description=description, parameters=json.dumps(shape))


def _as_json(value: Any) -> str:
    from selftune.records.codec import to_builtins

    return json.dumps(to_builtins(value), indent=1, ensure_ascii=False, allow_nan=False)
