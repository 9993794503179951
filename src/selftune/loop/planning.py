"""From a project to a plan: what is new, what serves, and every config in force."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from selftune.builds.config import BuildConfig
from selftune.codex.reading import is_answering
from selftune.curation.config import Curation, MixBy
from selftune.curation.render import is_known_as_person, is_left_out
from selftune.curation.traits import REAL, SYNTHETIC
from selftune.errors import ConfigError, NothingNewError, UsageError
from selftune.gate.nights import nights_of
from selftune.gate.planning import plan_check
from selftune.governance.independence import Party, check_independence
from selftune.governance.registry.lineage import lineage_of
from selftune.interactions.served import Resampled
from selftune.judges.rubric import load_rubric
from selftune.judges.stage import judge
from selftune.loop.configured import gap_on_scale, make_evaluation, make_judging, prices_of
from selftune.loop.deciding.live import trials_between
from selftune.loop.deciding.picks import picks_between
from selftune.loop.deciding.policy_lock import policy_of
from selftune.loop.deciding.trainings import recipes_again
from selftune.loop.ejected import codex_of
from selftune.loop.incoming.news import read_news, refuse_when_nothing_new
from selftune.loop.incoming.privacy import door_of, rules_of
from selftune.loop.lessons.coldstart import learnt_so_far, trigger_of
from selftune.loop.lessons.recipes import find_recipe, recipe_in_force
from selftune.loop.lessons.taking_out import left_out
from selftune.loop.lessons.teaching import Teaching, reach_teacher
from selftune.loop.measuring.calibrating import calibration_line, refuse_uncalibrated
from selftune.loop.measuring.controls import control_arms
from selftune.loop.measuring.demands import refuse_probe, refuse_unsound_suites
from selftune.loop.measuring.further import further_suites, refuse_unknown_demands
from selftune.loop.measuring.grading import refuse_related_graders
from selftune.loop.measuring.holdout import make_holdout
from selftune.loop.measuring.yardsticks import make_yardsticks
from selftune.loop.plan import Kept, Logged, Plan, learnt_ids
from selftune.loop.prompts.wishes import make_prompt_search, trains
from selftune.loop.releasing.service import make_target, promotion_of, serving_release
from selftune.plugins import load_plugin
from selftune.records import (
    Arm,
    Build,
    CheckStatus,
    Decision,
    Interaction,
    JudgementStatus,
    PlayedBy,
    Prompting,
)
from selftune.training.repeating import holds_recipe, recipe_of

if TYPE_CHECKING:
    from selftune.context import Reader
    from selftune.evals.config import EvaluationConfig
    from selftune.gate.config import Policy
    from selftune.interactions.base import Source
    from selftune.interactions.config import Capture
    from selftune.judges.config import Judging
    from selftune.loop.config import CurationSection, ProjectConfig
    from selftune.loop.executor import Stored
    from selftune.loop.project import Project
    from selftune.loop.prompts.stage import PromptSearching
    from selftune.records import BaseModel, Codex, JudgeIdentity, Run
    from selftune.training.config import Recipe

MIX_RATIOS: Final = (0.1, 0.9)


def make_plan(project: Project, run: Run | None = None, *, anyway: bool = False) -> Plan:
    """What the next cycle does; after a cut the same plan is made again, so finished steps are found.

    Args:
        project: Where.
        run: The run whose candidate is to be weighed, in place of one that is trained on what is new; None: train.
        anyway: Make a plan even where nothing is new, for a night that tries things on what is there.

    Raises:
        NothingNewError: there is no new interaction, or the run that was named serves already.
        ConfigError: a name in the config is unknown, the policy can't decide on these suites or was changed while a
            candidate is being measured, or dialogues would be learnt otherwise than the release is prompted.
    """
    store, config = project.store, project.config
    learnt = learnt_so_far(project)
    news = read_news(project, 0 if learnt is None else learnt.watermark)
    fresh = news.fresh
    looks_at_news = run is None and (len(fresh) > 0 or not anyway)
    if looks_at_news:
        refuse_when_nothing_new(news)
    serving = serving_release(project)
    champion = store.record(serving.build_id, Build)
    refuse_other_prompting(config, champion)
    judging = make_judging(project)
    if looks_at_news:
        refuse_when_nothing_readable(project, fresh, judging)
    policy = policy_of(project)
    evaluation, *further = make_exams(project, policy)
    suites = (evaluation.suite, *(asked.suite for asked in further))
    identity = load_plugin("selftune.judges", judging.name).from_config(judging).identity
    refuse_related_judge(identity, project.base, policy, project.store)
    holdout = make_holdout(project, judging, champion.generation, policy)
    asked = [one for one in (evaluation, *further, holdout) if one is not None]
    refuse_related_graders([one.grader for one in asked], identity, project, policy)
    rubric = load_rubric(judging.rubric, judging.codex)
    recipe = choose_recipe(project, policy, run)
    if run is not None:
        refuse_what_serves(run, champion, config)
    refuse_uncalibrated(project, identity, rubric)
    door, others = door_of(project), control_arms(project)
    return Plan(
        store=store,
        generation=serving.generation + 1,
        watermark=news.watermark,
        new_interactions=len(fresh),
        learnt_before=learnt_ids(store, learnt),
        left_out=left_out(project),
        sources=make_sources(project, fresh, champion, door),
        capture=door,
        judging=judging,
        judge_identity=identity,
        calibration=calibration_line(project, identity, rubric),
        corrector=make_corrector(config, identity, policy, project.store),
        curation=replace(
            make_curation(project),
            trigger=trigger_of(project, policy, evaluation.suite),
            disagreement=gap_on_scale(judging),
        ),
        yardsticks=make_yardsticks(project.folder, *suites),
        recipe=recipe,
        again=choose_recipes_again(project, policy, recipe, run),
        form=form_of(project, champion),
        evaluation=evaluation,
        further=tuple(further),
        holdout=holdout,
        policy=policy,
        nights=nights_of(decision for _, decision in store.each(Decision)),
        ladder=config.gate.ladder,
        picked=lambda old, new: picks_between(project, old, new),
        lived=lambda old, new: trials_between(project.store, old, new),
        target=make_target(project),
        champion=champion,
        others=others,
        prompts=choose_prompt_search(project, judging, recipe, dict(others).get(Arm.BASE)),
        seed=config.project.seed,
        shows_lessons=not config.evaluation.prompt_only,
        serving=serving,
        promotion=lambda build, decision: promotion_of(project, build, decision),
    )


def form_of(project: Project, champion: Build | None = None) -> BuildConfig:
    """The serving form of a candidate, prompted as what serves is."""
    section = project.config.build
    prompting = section.prompting if champion is None else champion.prompting
    return BuildConfig(form=section.form, quantisation=section.quantisation, prompting=prompting)


def make_exams(project: Project, policy: Policy) -> tuple[EvaluationConfig, ...]:
    """The suite that decides and those asked beside it, which together can settle what the policy demands.

    Raises:
        ConfigError: a suite is unknown or unsound, or the policy can't decide on these.
    """
    evaluation = make_evaluation(project)
    further = further_suites(project, evaluation.suite)
    beside = tuple(asked.suite for asked in further)
    refuse_unknown_demands(policy, project, (evaluation.suite, *beside))
    refuse_unsound_suites(policy, evaluation.suite, beside)
    plan_check(policy, evaluation.suite, beside, repeats=evaluation.repeats)
    return evaluation, *further


def choose_recipes_again(
    project: Project, policy: Policy, recipe: Recipe | None, run: Run | None
) -> tuple[Recipe, ...]:
    """The recipe under the further seeds that the policy asks for; none where nobody knows how the run was trained."""
    if recipe is None or (run is not None and not holds_recipe(run)):
        return ()
    return recipes_again(recipe, policy, project.config.project.seed)


def choose_prompt_search(
    project: Project, judging: Judging, recipe: Recipe | None, bare: Build | None
) -> PromptSearching | None:
    """How a prompt for the bare base is searched: where nothing is trained, or where the ladder has that rung.

    Raises:
        ConfigError: nothing is trained either.
    """
    wanted = recipe is None or project.config.gate.ladder
    search = make_prompt_search(project, judging, bare) if wanted and bare is not None else None
    if recipe is None and search is None:
        raise ConfigError(
            "nothing is to be trained, and no prompt to be searched for.",
            next_step="Name a recipe under [training], or let `answers` under [prompt] be more than 0.",
        )
    return search


def choose_recipe(project: Project, policy: Policy, run: Run | None) -> Recipe | None:
    """The recipe in force, None where nothing is trained; for a run that is there already the one it was trained by.

    Where the run's record holds none, as of a training elsewhere, it is the project's, and nothing is trained by it.

    Raises:
        ConfigError: the recipe in force is for a probe.
        RefusedTrainingError: it breaks a rule that nobody set aside.
        UsageError: the run was trained on another base.
    """
    if run is None:
        if not trains(project.config):
            return None
        recipe = recipe_in_force(project)
        refuse_probe(policy, recipe)
        return recipe
    if run.base_digest != project.base.digest:
        raise UsageError(
            f"run {run.id} was trained on another base than {project.base.name}.",
            next_step="Name a run on this base: selftune report runs",
        )
    return recipe_of(run) if holds_recipe(run) else find_recipe(project)


def refuse_what_serves(run: Run, champion: Build, config: ProjectConfig) -> None:
    """Halt when the run that was named serves already, in the very form that it would be built in.

    Raises:
        NothingNewError: there is nothing to hold against it.
    """
    form = (champion.form.value, champion.quantisation)
    if champion.run_id == run.id and form == (config.build.form, config.build.quantisation):
        raise NothingNewError(
            f"nothing new: {run.id[:20]} serves already.", next_step="Name another run: selftune report runs"
        )


def refuse_when_nothing_readable(project: Project, fresh: Stored[Interaction], judging: Judging) -> None:
    """Halt before anything is paid for when a judge that is code can read none of what is new.

    Raises:
        JudgeMissingError: it could score nothing; the message says how to name another judge.
    """
    appointed = load_plugin("selftune.judges", judging.name).from_config(judging)
    if judging.required and not appointed.identity.lineage:
        for judgement in judge(fresh, judging, project.context()):
            if judgement.status is JudgementStatus.SCORED:
                return


def refuse_related_judge(judge: JudgeIdentity, base: BaseModel, policy: Policy, read: Reader) -> None:
    """Halt before anything is paid for when the judge may be kin of the model that it chooses lessons for.

    Raises:
        ConfigError: they descend from one family, or nobody knows what the judge descends from.
    """
    _refuse_kin(judge, Party(role="base", name=base.name, lineage=(base.name,)), policy, read)


def refuse_related_teacher(judge: JudgeIdentity, teacher: str, policy: Policy, read: Reader) -> None:
    """The same of a teacher whose corrections the judge lets in: each family likes its own words best.

    Raises:
        ConfigError: they descend from one family, or nobody knows what one of them descends from.
    """
    _refuse_kin(judge, Party(role="teacher", name=teacher, lineage=(teacher,)), policy, read)


def _refuse_kin(judge: JudgeIdentity, other: Party, policy: Policy, read: Reader) -> None:
    if policy.independence != "required":
        return
    parties = (Party(role="judge", name=judge.name, lineage=judge.lineage),)
    found = check_independence(judges=parties, candidate=other, made_of=partial(lineage_of, read))
    if found.check.status is not CheckStatus.PASS:
        raise ConfigError(
            f"the judge is no stranger to the {'model' if other.role == 'base' else other.role}: {found.in_words}.",
            next_step="Name a judge of another family under [judge], or write your own policy with "
            '`selftune eject policy` and set independence = "reported" there.',
        )


def refuse_other_prompting(config: ProjectConfig, champion: Build) -> None:
    """Halt before anything is paid for when dialogues would be learnt otherwise than what serves is prompted.

    A model that learns one shape and is asked in another loses what it learnt; template mismatches alone cost about a
    quarter of a fall from 8.52 to 1.74 (mission B21).

    Raises:
        ConfigError: `[curation] rendering` or `[build] prompting` is not the prompting of the build that serves.
    """
    for key, value in (
        ("[curation] rendering", config.curation.rendering),
        ("[build] prompting", config.build.prompting),
    ):
        if value is not champion.prompting:
            raise ConfigError(
                f"{key} is {value.value!r}, and what serves is prompted as {champion.prompting.value!r}.",
                next_step=f'Set {key} to "{champion.prompting.value}" in selftune.toml. A project that is to be '
                f'prompted otherwise begins so: put prompting = "{value.value}" under [build] before `selftune init`.',
            )


def make_sources(project: Project, fresh: Stored[Interaction], champion: Build, door: Capture) -> tuple[Source, ...]:
    """The new part of the log, and more answers by the champion to the same prompts."""
    logged, config = Logged(interactions=fresh), project.config.capture
    if config.answers_per_prompt == 0:
        return (logged,)
    more = Resampled(
        interactions=fresh,
        build=champion,
        answers_per_prompt=config.answers_per_prompt,
        most_prompts=config.most_prompts,
        temperature=config.temperature,
        max_tokens=champion.generation.max_tokens,
        slots=config.slots,
        door=door,
        kept=Kept(project.store),
    )
    return (logged, more)


def make_corrector(config: ProjectConfig, judge: JudgeIdentity, policy: Policy, read: Reader) -> Teaching | None:
    """The teacher that corrects answers in each cycle; None where the project has not asked for it.

    Raises:
        ConfigError: it was asked for, and endpoint, model or key is missing, the host may not be reached, or the
            judge may be its kin.
    """
    if not config.teacher.corrects:
        return None
    refuse_related_teacher(judge, config.teacher.model, policy, read)
    teaching = make_teaching(config)
    reach_teacher(teaching)
    return teaching


def make_teaching(config: ProjectConfig) -> Teaching:
    """The teacher under [teacher]."""
    section = config.teacher
    return Teaching(
        endpoint=section.endpoint,
        model=section.model,
        api_key_env=section.api_key_env or None,
        egress=config.egress.allow,
        rules=rules_of(config),
        at_once=section.at_once,
        timeout_seconds=section.timeout_seconds,
        max_tokens=section.max_tokens,
        most=section.most_corrections,
        prices=prices_of(section),
        budget_usd=section.budget_usd,
    )


def make_curation(project: Project) -> Curation:
    """How lessons are chosen.

    Raises:
        ConfigError: the codex is none, its governor would be learnt, or the mixture makes no sense.
    """
    config, section = project.config, project.config.curation
    mix_by, mixture = mix_of(section)
    codex = codex_of(project.folder, config)
    served = section.rendering is Prompting.AS_SERVED
    if not served:
        refuse_learning_to_govern(codex)
    return Curation(
        kind=section.kind,
        rendering=section.rendering,
        codex=codex if served else None,
        selection=section.selection,
        threshold=section.threshold,
        sure=section.sure,
        trigger=section.trigger,
        holdout_share=section.holdout_share,
        clean_room_share=section.clean_room_share,
        answers_per_prompt=section.answers_per_prompt,
        holdout_seed=config.project.seed,
        max_share_per_author=section.max_share_per_author,
        max_share_of_few_authors=section.max_share_of_few_authors,
        max_share_motivator=section.max_share_motivator,
        max_share_per_kind=section.max_share_per_kind,
        max_share_per_template=section.max_share_per_template,
        one_sided_above=section.one_sided_above,
        floors=section.floors,
        mix_by=mix_by,
        mixture=mixture,
        most_repeats=section.most_repeats,
        teachers=section.teachers,
        judge_noise=section.judge_noise,
        length_ratio=section.length_ratio,
        length_gap=section.length_gap,
        canaries=section.canaries,
    )


def refuse_learning_to_govern(codex: Codex) -> None:
    """Halt where dialogues are learnt as one answer and nobody would tell governor or person from the others.

    Raises:
        ConfigError: the codex names a governor, or somebody played by a person, whose turns are not left out; or one
            who answers and is left out.
    """
    for one in codex.personas:
        if is_answering(codex, one) and is_known_as_person(one.name):
            raise ConfigError(
                f"rendered as dialogues, the turns of {one.name!r} would be left out, for a person's.",
                next_step="Give it another name in the codex and the log, or render as served.",
            )
    persons = [("person", "ARCHITECT", one.name) for one in codex.personas if one.played_by is PlayedBy.PERSON]
    for part, known_as, name in (("governor", "ALFRED", codex.governor), *persons):
        if name and not is_left_out(name):
            raise ConfigError(
                f"rendered as dialogues, the turns of the {part} {name!r} would be learnt with the others'.",
                next_step='Set rendering = "as_served" under [curation] in a project that is prompted so, or name the '
                f"{part} {known_as} in the codex and the log.",
            )


def mix_of(section: CurationSection) -> tuple[str, tuple[tuple[str, float], ...]]:
    """What the parts of the mixture are, and their shares; `data_mix_ratio` is short for one of real and synthetic.

    Raises:
        ConfigError: the ratio lies outside its range, or a mixture is given beside it.
    """
    if section.data_mix_ratio == 0:
        return section.mix_by, section.mixture
    if section.mixture:
        raise ConfigError(
            "[curation] holds a data_mix_ratio and a mixture.", next_step="Keep one of the two in selftune.toml."
        )
    real = check_mix_ratio(section.data_mix_ratio)
    return MixBy.ORIGIN, ((REAL, real), (SYNTHETIC, 1 - real))


def check_mix_ratio(share: float) -> float:
    """The share of real examples, if it can be one.

    Raises:
        ConfigError: it lies outside 0.1 to 0.9.
    """
    least, most = MIX_RATIOS
    if not least <= share <= most:
        raise ConfigError(
            f"a share of {share:g} real examples lies outside {least:g} to {most:g}.",
            next_step="Set data_mix_ratio under [curation], or --real-share, within it.",
        )
    return share
