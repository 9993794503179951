"""Write the log that the demo imports: users of another day, answered by the bare reference base.

Run again whenever the base's weights change: `python dev/write_demo_log.py`. The answers are the model's own, drawn at
temperature 0.9 from a fixed seed, good and bad as they come; none is written or chosen by a person.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from selftune.app.projects import start_project
from selftune.bases.reference.language import draw_prompts
from selftune.context import ChatRequest, spread_seeds
from selftune.loop.executor import Silent
from selftune.loop.project import open_project
from selftune.loop.releasing.service import make_target, serving_release
from selftune.records import Build, GenerationParameters, Message
from selftune.release.live import LiveServer

TARGET = Path(__file__).parents[1] / "src/selftune/app/demo_data/reference_log.jsonl"
SEED, COUNT = 4242, 80


def main() -> None:
    """Ask the base, and write what it said."""
    conversations = [
        (Message(role="system", content=prompt.system), Message(role="user", content=prompt.user))
        for prompt in draw_prompts(SEED, COUNT, "demo")
    ]
    requests = [
        ChatRequest(messages=messages, seed=seed)
        for messages, seed in zip(conversations, spread_seeds(SEED, COUNT), strict=True)
    ]
    with tempfile.TemporaryDirectory() as folder:
        project_folder = Path(folder) / "log"
        start_project(project_folder, base="reference", name="log", profile="solo", observer=Silent())
        with open_project(project_folder) as project:
            LiveServer(make_target(project)).stop()
            build = project.store.record(serving_release(project).build_id, Build)
            with project.context().serve(build, slots=4) as served:
                answers = list(served.chat_many(requests, GenerationParameters(temperature=0.9, max_tokens=64)))
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    with TARGET.open("w", encoding="utf-8") as stream:
        for messages, answer in zip(conversations, answers, strict=True):
            turns = [*messages, Message(role="assistant", content=answer.text)]
            line = {"messages": [{"role": turn.role, "content": turn.content} for turn in turns]}
            stream.write(json.dumps(line, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
