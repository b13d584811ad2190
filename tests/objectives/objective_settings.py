"""One line per objective: what the laws of the family are tried with. An objective without a line fails by name."""

from dataclasses import dataclass
from typing import Any

from disparate.objectives import Objective
from disparate.objectives.boundary_distance import BoundaryDistance
from disparate.objectives.bounded_accuracy_gap import BoundedAccuracyGap
from disparate.objectives.equal_loss import EqualLoss
from disparate.objectives.erm import ERM
from disparate.objectives.fairness_gap import FairnessGap
from disparate.objectives.gradient_norm import GradientNorm
from disparate.objectives.group_balanced_sampling import GroupBalancedSampling
from disparate.objectives.group_dro import GroupDRO
from disparate.objectives.reweighting import Reweighting

NAN = float("nan")


@dataclass(frozen=True, kw_only=True)
class Line:
    """Examples, the objective at zero strength (or the reason why it has none), and tables it refuses.

    ``smooth`` stands for the examples where finite differences see more than autograd is to see: weights that follow
    the losses of their own step. ``guards`` says that a loss that is not a number is refused with the group's name, at
    the step or the end of the epoch; ``needs_all`` that the groups are named by the objective.
    """

    examples: tuple[Objective, ...]
    bad: tuple[tuple[dict[str, Any], str], ...]
    zero: tuple[Objective, ...] = ()
    no_zero: str = ""
    smooth: tuple[Objective, ...] | None = None
    guards: bool = False
    needs_all: bool = False


PAIR: dict[str, Any] = {"privileged": "many", "unprivileged": "few"}
DISTANCES = (
    BoundaryDistance(strength=0.7, minimum_members=1),
    BoundaryDistance(strength=0.7, form="squared", distance="distance_logit", minimum_members=2),
    BoundaryDistance(strength=0.7, form="max_pair", distance="distance_logit_signed", average=0.5, minimum_members=1),
    BoundaryDistance(strength=0.7, form="lagrangian", step=1.0, minimum_members=1, fixed_population=True),
    BoundaryDistance(strength=0.7, distance="distance_input", minimum_members=1, nearest=1),
    BoundaryDistance(strength=0.7, distance="distance_parameters", minimum_members=1),
)
SETTINGS: dict[str, Line] = {
    "erm": Line(
        examples=(ERM(),),
        zero=(ERM(),),
        bad=(({"strength": 1}, "unknown key 'strength' (found 1). It has no settings."),),
    ),
    "boundary_distance": Line(
        examples=DISTANCES,
        zero=(
            BoundaryDistance(strength=0.0),
            BoundaryDistance(strength=0.0, form="lagrangian"),
            BoundaryDistance(strength=0.0, distance="distance_input"),
            BoundaryDistance(strength=0.7, form="lagrangian", step=0.0, minimum_members=1),
        ),
        # without fixed_population, which autograd holds fixed and finite differences do not
        smooth=(
            *DISTANCES[:3],
            BoundaryDistance(strength=0.7, form="lagrangian", step=1.0, minimum_members=1),
            *DISTANCES[4:],
        ),
        bad=(
            ({"strength": -1}, "BoundaryDistance(strength=-1.0): 0 or more was expected."),
            ({"strength": NAN}, "BoundaryDistance(strength=nan): 0 or more was expected."),
            ({"strength": "1"}, "key 'strength' is '1'; a valid number was expected."),
            ({"minimum_members": 0}, "BoundaryDistance(minimum_members=0): 1 or more was expected."),
            ({"average": 1.0}, "BoundaryDistance(average=1.0): a number in [0, 1) was expected."),
            ({"warmup_epochs": -1}, "BoundaryDistance(warmup_epochs=-1): 0 or more was expected."),
            ({"nearest": 0}, "BoundaryDistance(nearest=0): 1 or more, or none, was expected."),
            ({"step": -0.1}, "BoundaryDistance(step=-0.1): 0 or more was expected."),
            ({"form": "absolut"}, "Did you mean 'absolute'?"),
            ({"distance": "distance_inputs"}, "Did you mean 'distance_input'?"),
        ),
    ),
    "bounded_accuracy_gap": Line(
        examples=(BoundedAccuracyGap(step=0.5, buffer=2, tolerance=0.0), BoundedAccuracyGap()),
        zero=(BoundedAccuracyGap(step=0.0, buffer=1), BoundedAccuracyGap(cap=0.0, step=1.0, buffer=1)),
        guards=True,
        bad=(
            ({"step": -1}, "BoundedAccuracyGap(step=-1.0): 0 or more was expected."),
            ({"step": NAN}, "BoundedAccuracyGap(step=nan): 0 or more was expected."),
            ({"tolerance": -0.1}, "BoundedAccuracyGap(tolerance=-0.1): a share in [0, 1] was expected."),
            ({"tolerance": 2}, "BoundedAccuracyGap(tolerance=2.0): a share in [0, 1] was expected."),
            ({"buffer": 0}, "BoundedAccuracyGap(buffer=0): 1 or more was expected."),
            ({"cap": 1.0}, "BoundedAccuracyGap(cap=1.0): a number in [0, 1) was expected."),
            ({"tolerence": 0.1}, "Did you mean 'tolerance'?"),
        ),
    ),
    "equal_loss": Line(
        examples=(
            EqualLoss(step=0.5),
            EqualLoss(step=0.5, form="signed", every=2),
            EqualLoss(step=0.5, update="step", replay=2),
        ),
        zero=(EqualLoss(step=0.0), EqualLoss(step=0.0, update="step", replay=1), EqualLoss(cap=0.0, step=1.0)),
        smooth=(EqualLoss(step=0.5), EqualLoss(step=0.5, form="signed")),
        guards=True,
        bad=(
            ({"step": -1}, "EqualLoss(step=-1.0): 0 or more was expected."),
            ({"step": NAN}, "EqualLoss(step=nan): 0 or more was expected."),
            ({"cap": -1}, "EqualLoss(cap=-1.0): 0 or more, or none, was expected."),
            ({"every": 0}, "EqualLoss(every=0): 1 or more was expected."),
            ({"kick_in": -1}, "EqualLoss(kick_in=-1): 0 or more was expected."),
            ({"replay": 0}, "EqualLoss(replay=0): 1 or more was expected."),
            ({"update": "epochs"}, "Did you mean 'epoch'?"),
        ),
    ),
    "fairness_gap": Line(
        examples=(FairnessGap(**PAIR), FairnessGap(**PAIR, strength=0.9)),
        zero=(FairnessGap(**PAIR, strength=0.0),),
        needs_all=True,
        bad=(
            ({**PAIR, "strength": -1}, "FairnessGap(strength=-1.0): a number in [0, 1) was expected."),
            ({**PAIR, "strength": 1}, "FairnessGap(strength=1.0): a number in [0, 1) was expected."),
            ({**PAIR, "unprivileged": "many"}, "unprivileged='many'): two different groups, or none was expected."),
            ({"privileged": "many"}, "unprivileged='None'): two different groups, or none was expected."),
        ),
    ),
    "gradient_norm": Line(
        examples=(
            GradientNorm(strength=0.5, minimum_members=1),
            GradientNorm(strength=0.5, form="squared", minimum_members=2),
        ),
        zero=(GradientNorm(strength=0.0),),
        bad=(
            ({"strength": -1}, "GradientNorm(strength=-1.0): 0 or more was expected."),
            ({"strength": NAN}, "GradientNorm(strength=nan): 0 or more was expected."),
            ({"minimum_members": 0}, "GradientNorm(minimum_members=0): 1 or more was expected."),
            ({"form": "square"}, "Did you mean 'squared'?"),
        ),
    ),
    "group_balanced_sampling": Line(
        examples=(GroupBalancedSampling(),),
        no_zero="batches are balanced or not; not balanced is erm",
        bad=(({"strength": 0}, "unknown key 'strength' (found 0). It has no settings."),),
    ),
    "group_dro": Line(
        examples=(GroupDRO(step=0.5), GroupDRO(step=0.1, adjustment=1.0)),
        no_zero="with a step of 0 groups count equally, not examples",
        smooth=(GroupDRO(step=0.0),),
        guards=True,
        bad=(
            ({"step": -1}, "GroupDRO(step=-1.0): 0 or more was expected."),
            ({"step": NAN}, "GroupDRO(step=nan): 0 or more was expected."),
            ({"adjustment": -1}, "GroupDRO(adjustment=-1.0): 0 or more was expected."),
        ),
    ),
    "reweighting": Line(
        examples=(Reweighting(), Reweighting(strength=0.5, by="group_and_class")),
        zero=(Reweighting(strength=0.0), Reweighting(strength=0.0, by="group_and_class")),
        bad=(
            ({"strength": -1}, "Reweighting(strength=-1.0): a number in [0, 1] was expected."),
            ({"strength": 1.5}, "Reweighting(strength=1.5): a number in [0, 1] was expected."),
            ({"by": "class"}, "key 'by' is 'class'; 'group' or 'group_and_class' was expected."),
        ),
    ),
}
