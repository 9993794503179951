"""What a span of an exchange is called and holds, in the words of OpenTelemetry's conventions for generative AI.

These names are not stable yet (https://github.com/open-telemetry/semantic-conventions-genai, docs/gen-ai, read in
November 2026): when they change, this file changes, and nothing else.
"""

from __future__ import annotations

from typing import Final

OPERATIONS: Final = {
    "/v1/chat/completions": "chat",
    "/v1/responses": "chat",
    "/api/chat": "chat",
    "/v1/completions": "text_completion",
    "/api/generate": "text_completion",
    "/v1/embeddings": "embeddings",
}
"""What is done on each route."""

PROVIDER: Final = "selftune"
SCOPE: Final = "selftune.gateway"

OPERATION_NAME: Final = "gen_ai.operation.name"
PROVIDER_NAME: Final = "gen_ai.provider.name"
REQUEST_MODEL: Final = "gen_ai.request.model"
REQUEST_STREAM: Final = "gen_ai.request.stream"
TEMPERATURE: Final = "gen_ai.request.temperature"
TOP_P: Final = "gen_ai.request.top_p"
SEED: Final = "gen_ai.request.seed"
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
CHOICE_COUNT: Final = "gen_ai.request.choice.count"
OUTPUT_TYPE: Final = "gen_ai.output.type"
RESPONSE_ID: Final = "gen_ai.response.id"
RESPONSE_MODEL: Final = "gen_ai.response.model"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
TIME_TO_FIRST: Final = "gen_ai.response.time_to_first_chunk"
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
INPUT_MESSAGES: Final = "gen_ai.input.messages"
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
ERROR_TYPE: Final = "error.type"
STATUS_CODE: Final = "http.response.status_code"

# Ours: the conventions have no word for them.
BUILD: Final = "selftune.build.digest"
UPSTREAM: Final = "selftune.upstream"
ENDED: Final = "selftune.ended"
