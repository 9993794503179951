"""What may be varied, and what reads it: each knob is wired to a recipe or to curation, or refused by name."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError, UnknownNameError
from selftune.loop.config import CurationSection
from selftune.loop.experiments.base import Knob, Lane
from selftune.records import DatasetKind
from selftune.training.config import Recipe
from selftune.training.elsewhere.base import SETTLED_HERE
from selftune.training.elsewhere.destinations import DESTINATIONS
from selftune.training.parts import ORDERS
from selftune.training.ranges import SEARCHABLE
from selftune.training.varying import ORDER, WEIGHT, WEIGHTS, value_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.loop.config import ProjectConfig

SHARE: Final = "mixture."
"""What stands before the name of a part in the key of its share, such as `mixture.isolation`."""

_MOST_SHARE: Final = 1.0
_FACTORS: Final = frozenset(
    {"learning_rate", "weight_decay", "beta", "lora_rank", "lora_alpha", "batch_size", "accumulation", "max_steps"}
)


@dataclass(frozen=True, kw_only=True)
class _Dial:
    """How far a key of [curation] may be varied, and who reads it: kinds of datasets, and only beside a mixture."""

    least: float
    most: float
    kinds: frozenset[DatasetKind] = frozenset(DatasetKind)
    mixed: bool = False


_PAIRS: Final = frozenset({DatasetKind.PREFERENCE})
_CURATED: Final = {
    "data_mix_ratio": _Dial(least=0.1, most=0.9),
    "answers_per_prompt": _Dial(least=1, most=100),
    "threshold": _Dial(least=0.0, most=100.0, kinds=frozenset({DatasetKind.SFT})),
    "sure": _Dial(least=0.0, most=0.999, kinds=frozenset({DatasetKind.SFT})),
    "most_repeats": _Dial(least=1, most=100, mixed=True),
    "max_share_per_kind": _Dial(least=0.001, most=1.0),
    "max_share_per_template": _Dial(least=0.001, most=1.0),
    "max_share_motivator": _Dial(least=0.0, most=1.0),
    "judge_noise": _Dial(least=0.0, most=100.0, kinds=_PAIRS),
    "length_ratio": _Dial(least=1.0, most=1000.0, kinds=_PAIRS),
    "length_gap": _Dial(least=0.0, most=1.0, kinds=_PAIRS),
}
WIRED: Final = (*SEARCHABLE, *_CURATED, f"{SHARE}PART", ORDER, f"{WEIGHT}PART")
"""Every knob that there is; PART stands for a part that the project's own lessons have."""


def lane_of(key: str) -> Lane:
    """The lane that a key belongs to.

    Raises:
        ConfigError: it is a key of the recipe or of [curation], and none that a search may move.
        UnknownNameError: nothing reads such a key; the nearest that may be varied is offered.
    """
    if key in SEARCHABLE:
        return Lane.HYPERPARAMETERS
    if key in _CURATED or _names_part(key, SHARE):
        return Lane.MIXTURES
    if key == ORDER or _names_part(key, WEIGHT):
        return Lane.CURRICULUM
    if key in {field.name for kind in (Recipe, CurationSection) for field in fields(kind)}:
        raise ConfigError(
            f"{key} can't be searched: what measures, refuses or ends a try stands fast.",
            next_step=f"Take it out; these may be varied: {', '.join(WIRED)}.",
        )
    raise UnknownNameError("knob", key, WIRED)


def wired_to(key: str) -> str:
    """What reads a key, in words."""
    return {Lane.MIXTURES: "[curation]", Lane.HYPERPARAMETERS: "the recipe", Lane.CURRICULUM: "the recipe's batches"}[
        lane_of(key)
    ]


def make_knob(key: str, wanted: Any, recipe: Recipe, config: ProjectConfig) -> Knob:
    """A knob as `program.md` asks for it, beside its value in the project as it stands.

    Args:
        key: As a recipe or [curation] calls it.
        wanted: `[least, most]`, a list of names for `order`, or `"recipe"` for the recipe's own range.
        recipe: The one in force, with its ranges.
        config: The project's.

    Raises:
        ConfigError: nothing here reads it, bounds that are none or lie outside of what is allowed, or a project that
            stands outside of them itself.
        UnknownNameError: there is no such knob, or no such order.
    """
    lane = lane_of(key)
    _refuse_untold(key, recipe)
    if key == ORDER:
        return _order(wanted, recipe)
    kind, allowed = type(_now(key, recipe, config)), _allowed(key, recipe, config)
    least, most = allowed if wanted == "recipe" and lane is Lane.HYPERPARAMETERS else _bounds(key, wanted, kind)
    if not allowed[0] <= least <= most <= allowed[1]:
        raise ConfigError(
            f"{key} = [{least:g}, {most:g}] goes beyond {allowed[0]:g} to {allowed[1]:g}, which is all that "
            f"{_owner(lane, recipe)} allows.",
            next_step=f"Narrow it, or widen {key} under [ranges] in the recipe."
            if lane is Lane.HYPERPARAMETERS
            else "Narrow it.",
        )
    now = _now(key, recipe, config)
    if not least <= now <= most:
        raise ConfigError(
            f"{key} is {now:g} in {_owner(lane, recipe)}, outside of its bounds {least:g} to {most:g}: "
            "there is nothing to vary around.",
            next_step=f"Let the bounds hold {now:g}, or set {key} there to a value within them.",
        )
    whole = kind is int
    factors = (key in _FACTORS or key.startswith(WEIGHT)) and least > 0
    return Knob(key=key, lane=lane, now=text_of(now, whole=whole), least=least, most=most, whole=whole, log=factors)


def now_of(key: str, recipe: Recipe, config: ProjectConfig) -> str:
    """The value of a key in the project as it stands, as text.

    Raises:
        ConfigError: the project has no such part, or its search is refused.
        UnknownNameError: there is no such knob.
    """
    lane_of(key)
    if key == ORDER:
        return recipe.order
    now = _now(key, recipe, config)
    return text_of(now, whole=isinstance(now, int))


def text_of(value: float, *, whole: bool) -> str:
    """A number as it stands behind the `=` of a change, always the same for the same number."""
    return str(round(value)) if whole else repr(float(value)).removesuffix(".0")


def _now(key: str, recipe: Recipe, config: ProjectConfig) -> Any:
    if lane_of(key) is not Lane.MIXTURES:
        return value_of(recipe, key)
    if not key.startswith(SHARE):
        return getattr(config.curation, key)
    part, shares = key.removeprefix(SHARE), dict(config.curation.mixture)
    if part not in shares:
        raise ConfigError(
            f"{key} has no value to vary around: the project's mixture names no {part!r}.",
            next_step=f"Write {part} and its share under [curation.mixture] in selftune.toml first.",
        )
    return shares[part]


def _allowed(key: str, recipe: Recipe, config: ProjectConfig) -> tuple[float, float]:
    """How far a key may be varied at all.

    Raises:
        ConfigError: the recipe gives it no range, or no dataset of this project is made by it.
    """
    if key.startswith(WEIGHT):
        return WEIGHTS
    if key.startswith(SHARE):
        return (0.0, _MOST_SHARE)
    if key in SEARCHABLE:
        ranges = dict(recipe.ranges)
        if key not in ranges:
            raise ConfigError(
                f"recipe {recipe.name!r} does not say how far {key} may be varied.",
                next_step=f"Write {key} = [least, most] under [ranges] in it, or take it out of the space.",
            )
        return ranges[key][0], ranges[key][1]
    for fault in _unread(key, config.curation):
        raise ConfigError(f"{key} would change nothing: {fault}.", next_step="Take it out of the space.")
    return _CURATED[key].least, _CURATED[key].most


def _unread(key: str, section: CurationSection) -> Iterator[str]:
    dial = _CURATED[key]
    if section.kind not in dial.kinds:
        yield f"a dataset of kind {section.kind!r} is not made by it"
    if dial.mixed and not section.mixture and not section.data_mix_ratio:
        yield "it is read beside a [curation.mixture] or a data_mix_ratio, and the project has neither"
    if key == "data_mix_ratio" and section.mixture:
        yield "the project has a [curation.mixture], and only one of the two can hold"


def _refuse_untold(key: str, recipe: Recipe) -> None:
    """Refuse a knob that the program which trains could not be told of."""
    program = DESTINATIONS.get(recipe.backend)
    field = WEIGHT.rstrip(".") if key.startswith(WEIGHT) else key
    if program is None or lane_of(key) is Lane.MIXTURES or field in program.traits.words or field in SETTLED_HERE:
        return
    raise ConfigError(
        f"{key} is a knob that {program.traits.program}, which trains recipe {recipe.name!r}, can't be told.",
        next_step='Take it out of the space, or train with backend = "packed".',
    )


def _bounds(key: str, wanted: Any, kind: type) -> tuple[float, float]:
    pair = isinstance(wanted, list) and len(wanted) == 2  # noqa: PLR2004 - the least and the most
    if not pair or any(isinstance(one, bool) or not isinstance(one, int | float) for one in wanted):
        raise ConfigError(f"{key} = {wanted!r} is no pair of bounds.", next_step="Write [least, most], as in [8, 64].")
    least, most = wanted
    if kind is int and not all(float(one).is_integer() for one in wanted):
        raise ConfigError(f"{key} takes whole numbers, not {wanted!r}.", next_step="Round its bounds.")
    if least >= most:
        raise ConfigError(
            f"{key} = {wanted!r} has its bounds the wrong way round, or leaves one value alone.",
            next_step="Write the least first, or take the knob out.",
        )
    return float(least), float(most)


def _order(wanted: Any, recipe: Recipe) -> Knob:
    if not isinstance(wanted, list) or not all(isinstance(one, str) for one in wanted):
        raise ConfigError(f"{ORDER} = {wanted!r} is no list of names.", next_step=f"Choose from: {', '.join(ORDERS)}.")
    for one in wanted:
        if one not in ORDERS:
            raise UnknownNameError(ORDER, one, ORDERS)
    choices = tuple(dict.fromkeys(wanted))
    if recipe.order not in choices or len(choices) == 1:
        raise ConfigError(
            f"{ORDER} = {wanted!r} must name {recipe.order!r}, which the recipe has, and another one.",
            next_step=f'Write it so: {ORDER} = ["{recipe.order}", "tokens"].',
        )
    return Knob(key=ORDER, lane=Lane.CURRICULUM, now=recipe.order, choices=choices)


def _names_part(key: str, before: str) -> bool:
    """Whether a key is that of one part; what would break a line of proposals is no name of one."""
    name = key.removeprefix(before)
    return key.startswith(before) and bool(name.strip()) and not set(name) & set(",:=<>\n")


def _owner(lane: Lane, recipe: Recipe) -> str:
    return "[curation]" if lane is Lane.MIXTURES else f"recipe {recipe.name!r}"
